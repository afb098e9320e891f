# SPDX-License-Identifier: BSD-3-Clause
"""Sessions for rules/signatures/control.rules."""
from .session import BROWSER, Row, dns, form, get, post, tcp, tls

OCTETS = {"Content-Type": "application/octet-stream", "Referer": None}
EMPIRE = "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"
SESSION = "session=" + "kD3f" * 6 + "abc="
GUID = "0a1b2c3d-1111-2222-3333-444455556666"
POSH = "C=US, ST=Minnesota, L=Minnetonka, O=Pajfds, OU=Jethpro, CN=P18055077"
DCRAT = "CN=DcRat Server, OU=qwqdanchun, O=DcRat By qwqdanchun, L=SH, C=CN"
URSNIF = "/images/" + "/".join(["k3Jd8_2Bsl2", "zz_2F0dkA91mm", "Kd92jsLLq"] * 6) + "/Xk2.avi"
AMADEY = "id=129858768759&vs=3.83&sd=abcdef&os=1&bi=1&ar=1&pc=DESKTOP&un=user&dm=&av=0&lv=0&og=1"
ICEDID = {"Cookie": "__gads=1:1:22:77; _gat=10.0.19045.64; _ga=1.1.2.3; _u=4445:5553; __io=21_1_2; _gid=0A1B", "User-Agent": None}
WINDOWS = "Microsoft Windows [Version 10.0.19045.3570]\r\n(c) Microsoft Corporation. All rights reserved.\r\n\r\nC:\\Users\\anna>"
STAGE = b"\x10\x20\x03\x00MZ\xe8" + bytes(300) + b"metsrv.dll\0_ReflectiveLoader@4\0"

ROWS = [
    Row(9001001, tls(serial=b"\x08\xbb\x00\xee", cert="C=Earth, O=cobaltstrike, CN=Major Cobalt Strike"), tls(serial=b"\x08\xbb\x00\xef")),
    Row(9001002, post("/submit.php?id=48213377", b"\0\0\0\x20" + bytes(32), headers=OCTETS), post("/submit.php?id=48213377", "a=1")),
    Row(9001003, dns("post.2a1b2c3d4e5f60718.1c5a2f01.3f9e21.updates.example.com"), dns("post.example.com")),
    Row(9001004, get("/abcd", agent="Mozilla/4.0 (compatible; MSIE 6.1; Windows NT)"),
        get("/abcd", agent="Mozilla/4.1 (compatible; MSIE 6.1; Windows NT)"), also=[9000010]),
    Row(9001005, tls(cert="C=US, O=x, CN=multiplayer", issuer="CN=operators"), tls(cert="CN=multiplayer", issuer="CN=operators.example")),
    Row(9001006, get(answer_headers={"X-Havoc": "true"}), get(answer_headers={"X-Havoc": "false"})),
    Row(9001007, tls(cert="C=US, O=Mythic", issuer="C=US, O=Mythic"), tls(cert="O=Mythic Beasts Ltd", issuer="O=Mythic Trust")),
    Row(9001008, tls(cert="CN=Covenant", issuer="CN=Covenant"), tls(cert="CN=covenant.example", issuer="CN=Covenant")),
    Row(9001009, post("/en-us/test.html", "i=a19ea23062db990386a3a478cb89d52e&data=eyJ9&session=75db-99b1-25fe4e9afbe58696-320bea73"),
        post("/en-us/test.html", "i=a19ea23062db990386a3a478cb89d52f&data=eyJ9&session=75db-99b1")),
    Row(9001010, tls(cert=POSH, issuer=POSH), tls(cert=POSH.replace("Pajfds", "Pajfd"), issuer=POSH)),
    Row(9001011, get("/login/process.php", agent=EMPIRE, headers={"Cookie": SESSION, "Accept": None}),
        get("/login/process.php", agent=EMPIRE, headers={"Cookie": SESSION})),
    Row(9001012, get("/task", agent="NimPlant C2 Client"), get("/task", agent="NimPlant Client")),
    Row(9001013, get(answer_headers={"Server": "NimPlant C2 Server"}), get(answer_headers={"Server": "Nim C2 Server"})),
    Row(9001014, tls(cert="CN=AsyncRAT Server"), tls(cert="CN=AsyncRAT analysis, O=Example")),
    Row(9001015, tls(cert="CN=DcRat", issuer=DCRAT), tls(cert="CN=DcRat", issuer="CN=DcRat Server")),
    Row(9001016, tls(cert="CN=VenomRAT Server"), tls(cert="CN=Venom Server")),
    Row(9001017, tls(cert="CN=Quasar Server CA"), tls(cert="CN=Quasar Server")),
    Row(9001018, tls(cert="CN=BitRAT"), tls(cert="CN=BitRATE")),
    Row(9001019, tls(cert="CN=Orcus Server"), tls(cert="CN=Orcus Server Room")),
    Row(9001020, tcp(5552, b"160\0ll|'|'|SGFjS2VkXzEyMw==|'|'|DESKTOP|'|'|anna|'|'|23-11-14"), tcp(5552, b"160\0ll|'|'|not base64!|'|'|x")),
    Row(9001021, tcp(8000, b"Gh0st\x9a\0\0\0\x10\2\0\0\x78\x9c" + bytes(120)), tcp(8000, b"Gh0st stories for the winter: x\x9c" + bytes(120))),
    Row(9001022, tcp(2404, b"[DataStart]\x40\0\0\0addnew|cmd|host" + bytes(60)), tcp(2404, b"[DataStart]\x40\0\0\0renew|cmd|host")),
    Row(9001023, post("http://203.0.113.9/fakeurl.htm", "CMD=POLL\nINFO=1\nACK=1\n", agent="NetSupport Manager/1.3"),
        post("http://203.0.113.9/fakeurl.htm", "CMD=POLL\n", agent=BROWSER)),
    Row(9001024, tcp(4444, b"import rpyc\nclass ReverseSlaveService(rpyc.Service): pass\n"), tcp(4444, b"import rpyc\nclass SlaveService: pass\n")),
    Row(9001047, tcp(8219, "ping|STRRAT|C4BA3647|A|anna|Microsoft Windows 10 Pro|64-bit|nan-av|eA==|1.6|DE:Germany|Not Installed|Idle"),
        tcp(8219, "ping|OTHER|C4BA3647|A|anna")),
    Row(9001048, post("/file/download", "x", answer="x", answer_headers={"FILENAME": "sandcat.go-linux"}),
        post("/file/download", "x", answer="x", answer_headers={"FILENAME": "other.go-linux"})),
    Row(9001025, tcp(6677, b"\0\1\0\1\2\2\x20net.tcp://203.0.113.9:6677/\3\x08\x0c" + b"V\2\x0b" + b"\x1ehttp://tempuri.org/Entity/Id1\x1b"),
        tcp(6677, b"\0\1\0\1\2\2\x20net.tcp://203.0.113.9:6677/\3\x08\x0c" + b"\x1ehttp://tempuri.org/IService/Get\x1b")),
    Row(9001026, post("/", f"machineId={GUID}|anna&configId={'ab' * 16}"), post("/", f"machineId={GUID}&configId=2")),
    Row(9001027, post("/f3ee98d7eec07fb9.php", **form(("hwid", "A4F2D9C1"), ("build", "default"))),
        post("/f3ee98d7eec07fb9.php", **form(("hwid", "A4F2D9C1"), ("name", "x")))),
    Row(9001028, post("/api", "act=recive_message&ver=4.0&lid=xyz--1&j=default"), post("/api", "act=receive_message&id=4")),
    Row(9001029, post("/c2sock", "x=1", agent="TeslaBrowser/5.5"), get("/", agent="QtCarBrowser/5.5 Tesla")),
    Row(9001030, post("/g9sdjScV2/index.php", AMADEY), post("/index.php", AMADEY.replace("&sd=", "&se="))),
    Row(9001031, get("/five/fre", agent="Mozilla/4.08 (Charon; Inferno)"), get("/five/fre", agent="Mozilla/4.08 (Charon)")),
    Row(9001032, get("/", headers=ICEDID), get("/", headers={**ICEDID, "User-Agent": BROWSER})),
    Row(9001033, get("/mor1/ANNA-PC_W617601.0A1B2C3D4E5F60718293A4B5C6D7E8F9/5/spk/"), get("/mor1/ANNA-PC_W617601.0A1B/5/spk/")),
    Row(9001034, get(URSNIF), get(URSNIF.replace("_2", "_9"))),
    Row(9001035, get("/", host="checkip.dyndns.org", agent="Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.2; .NET CLR1.0.3705;)"),
        get("/", host="checkip.dyndns.org"), also=[9000010]),
    Row(9001036, dns("7sbvaemscs0mc925tb99.appsync-api.us-west-2.avsvmcloud.com"), dns("7sbvaemscs0mc925tb99.appsync-api.us-west-2.amazonaws.com")),
    Row(9001037, dns("www.iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com"), dns("www.iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com.example.org")),
    Row(9001038, tcp(23, b"\xff\xfd\1", None, b"/bin/busybox MIRAI\r\n", "MIRAI: applet not found\r\n", way="inward"),
        tcp(23, b"/bin/busybox ls\r\n", way="inward")),
    Row(9001039, tcp(666, "BUILD MIPS\n", "!* SCANNER ON\n"), tcp(666, "BUILD MIPS\n", "the !* SCANNER ON\n")),
    Row(9001040, tcp(6667, "NICK abc\r\n", ":x PRIVMSG abc :!* HELP\r\n", "NOTICE boss :TSUNAMI <target> <secs>   = A PUSH+ACK flooder\n"),
        tcp(6667, "NICK abc\r\n", None, "PRIVMSG #x :the tsunami <target> <secs> command\r\n")),
    Row(9001041, tcp(6667, "NICK [DEU|XP|4821]\r\nUSER x 0 * :x\r\n"), tcp(6667, "NICK [DE]anna\r\nUSER x 0 * :x\r\n")),
    Row(9001042, tcp(4444, "bash: cannot set terminal process group (811): Not a tty\nbash: no job control in this shell\nwww@web:/$ "),
        tcp(4444, "zsh: job control is on\n")),
    Row(9001043, tcp(4444, WINDOWS), tcp(4444, "Microsoft Windows [Version 10.0.19045.3570] is what it says\r\n")),
    Row(9001044, tcp(4444, "PS C:\\Users\\anna> ", "whoami\n", "desktop\\anna\n"), tcp(4444, "PS C:\\ is the root of the disk\n")),
    Row(9001045, tcp(4444, None, "id\n", "uid=0(root) gid=0(root) groups=0(root)\n"), tcp(4444, None, "id\n", "uid=1000(anna) gid=1000(anna)\n")),
    Row(9001046, tcp(4444, None, STAGE), tcp(4444, None, STAGE.replace(b"metsrv", b"other0"))),
]
