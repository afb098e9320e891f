# SPDX-License-Identifier: BSD-3-Clause
"""Sessions for rules/signatures/credentials.rules."""
import base64
import struct

from .session import (Row, get, netbios, p, post, rpc, rpc_bind, rpc_request, send, smb, smb2, smb2_create, tcp, udp,
    uuid, visit,
                      wide)

TASKS, SERVICES = "86d35949-83c9-4044-b424-db363231fd0c", "367abb81-9844-35f1-ad32-98f038001003"
REPLICATION = "e3514235-4b06-11d1-ab04-00c04fc2dcd2"
LOGIN = base64.b64encode(b"NTLMSSP\0\3\0\0\0" + bytes(60)).decode()
PROXY = 'function FindProxyForURL(url, host){if (dnsDomainIs(host, "%s")) return "DIRECT"; return "PROXY %s:3128";}'
REQUEST = "Mode=newreq&CertRequest=MIIC&CertAttrib=CertificateTemplate%3A{}&TargetStoreFlags=0&SaveCert=yes"
SHADOW = "root:$6$saltsalt$" + "kX" * 43 + ":19600:0:99999:7:::\n"
SETTINGS = "APP_NAME=Shop\nAPP_KEY=base64:x\nDB_USERNAME=shop\nDB_PASSWORD=x\n"
CLOUD = "[default]\naws_access_key_id = AKIAXXXXXXXXXXXXXXXX\naws_secret_access_key = " + "aB3/" * 10 + "\n"
ROLE = '{"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"x","Token":"y"}'
DUMP = b"MDMP\x93\xa7\0\0" + bytes(100) + wide("C:\\Windows\\System32\\lsasrv.dll") + bytes(20)


def challenge(value):
    answer = b"NTLMSSP\0\2\0\0\0" + bytes(8) + b"\x15\x82\x89\xe2" + value + bytes(40)
    return tcp(445, smb2(1, bytes(40)), netbios(b"\xfeSMB" + bytes(68) + answer), way="lan")


def rule803(value):
    """A search with a bit test on the account's flags."""
    items = p.der(0x81, b"1.2.840.113556.1.4.803") + p.der(0x82, b"userAccountControl") + p.der(0x83, value)
    return tcp(389, p.der(0x30, p.der(2, b"\2"), p.der(0x63, p.der(4, b"dc=example"), p.der(0xA9, items))), way="lan")


def search(*names):
    return tcp(389,
    p.der(0x30, p.der(2, b"\2"), p.der(0x63, p.der(4, b"dc=example"), *[p.der(0x87, n) for n in names])), way="lan")


def ticket(cipher):
    body = b"\x6c\x81\x90\x30\x81\x8d\xa1\3\2\1\5\xa2\3\2\1\x0c" + bytes(60) + b"\xa8\5\x30\3\2\1" + cipher
    return tcp(88, struct.pack(">I", len(body)) + body, b"\0\0\0\4\x6d\0\0\0", way="lan")


def error(code):
    return b"\x7e\x30\x30\x2e\xa0\3\2\1\5\xa1\3\2\1\x1e\xa4\x11\x18\x0f20231114221320Z\xa5\5\2\3\1\1\1\xa6\3\2\1" + code + bytes(12)


def framed(body):
    return struct.pack(">I", len(body)) + body


def kerberos(code, times):
    return tcp(88, framed(b"\x6a\x10" + bytes(16)), framed(error(code)), way="lan", times=times)


def refused(port, asks, says, times=16, way="inward", hello=b"hello\r\n"):
    return tcp(port, None, hello, asks, says, way=way, times=times)


def smb_status(status):
    return netbios(b"\xfeSMB\x40\0\0\0" + status + b"\1\0" + bytes(50))


def desktop(times):
    return tcp(3389, b"\3\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=admin\r\n\1\0\x08\0\3\0\0\0",
    b"\3\0\0\x0b\x06\xd0" + bytes(5),
               way="inward", times=times)


def task(text):
    return rpc(TASKS, 1, bytes(20) + wide(text))


def service(path):
    return tcp(49671, rpc_bind(SERVICES, 2), b"\5\0\x0c\3" + bytes(50), rpc_request(12, bytes(40) + wide(path)),
    way="lan")


def answer(text, kind="text/plain", **kw):
    return visit("/a", answer=text, kind=kind, **kw)


def basic(text, **kw):
    return visit(headers={"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}, **kw)


def read(data):
    """The answer to an SMB2 read."""
    head = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ", 64, 1, 0, 8, 1, 1, 0, 1, 0xFEFF, 5, 7) + bytes(16)
    return tcp(445, smb2(8, bytes(49)), netbios(head + struct.pack("<HBBIII", 17, 80, 0, len(data), 0, 0) + data),
    way="lan")


NAME = {"WWW-Authenticate": 'Basic realm="x"'}

ROWS = [
    Row(9005001, challenge(bytes.fromhex("1122334455667788")), challenge(bytes.fromhex("8877665544332211"))),
    Row(9005002, tcp(445, smb2(1, bytes(24) + b"NTLMSSP\0\3\0\0\0" + bytes(60))),
        [tcp(445, smb2(1, bytes(24) + b"NTLMSSP\0\1\0\0\0")),
        tcp(445, smb2(1, bytes(24) + b"NTLMSSP\0\3\0\0\0"), way="lan")]),
    Row(9005003, get("/a", host="198.51.100.9", headers={"Authorization": "NTLM " + LOGIN}),
        get("/a", host="intranet.example.com", headers={"Authorization": "NTLM " + LOGIN})),
    Row(9005004, get("/wpad.dat", PROXY % ("ProxySrv", "ProxySrv"), kind="application/x-ns-proxy-autoconfig"),
        get("/wpad.dat", PROXY % ("example.com", "proxy.example.com"), kind="application/x-ns-proxy-autoconfig")),
    Row(9005005, send("/certsrv/certfnsh.asp", REQUEST.format("DomainController")),
        send("/certsrv/certfnsh.asp", REQUEST.format("WebServer"))),
    Row(9005006, rule803(b"4194304"), rule803(b"2")),
    Row(9005007, search(b"servicePrincipalName", b"adminCount"), search(b"servicePrincipalName")),
    Row(9005008, ticket(b"\x17").but(times=8), [ticket(b"\x17").but(times=7), ticket(b"\x12").but(times=9)]),
    Row(9005009, udp(88, b"\x6a\x10" + bytes(16), error(b"\x06"), way="lan", times=11),
        [udp(88, b"\x6a\x10" + bytes(16), error(b"\x19"), way="lan", times=11),
        udp(88, b"\x6a", error(b"\x06"), way="lan", times=9)]),
    Row(9005010, kerberos(b"\x06", 11), [kerberos(b"\x19", 16), kerberos(b"\x06", 9)]),
    Row(9005011, kerberos(b"\x18", 16), kerberos(b"\x18", 14)),
    Row(9005012, rpc(REPLICATION, 3), rpc(REPLICATION, 0)),
    Row(9005013, task("<Actions><Exec><Command>cmd"), task("<Actions><ComHandler>")),
    Row(9005014, service("%COMSPEC% /Q /c echo x"), service("C:\\Program Files\\Example\\agent.exe")),
    Row(9005015, refused(21, "PASS x\r\n", "530 Login incorrect.\r\n"),
        [refused(21, "PASS x\r\n", "530 no\r\n", 14), refused(21, "PASS x\r\n", "230 ok\r\n")]),
    Row(9005016, refused(587, "AUTH PLAIN eA==\r\n", "535 5.7.8 no\r\n", hello=b"220 x\r\n"),
        refused(587, "AUTH PLAIN eA==\r\n", "235 ok\r\n", hello=b"220 x\r\n")),
    Row(9005017, tcp(445, smb2(1, bytes(40)), smb_status(b"\x6d\0\0\xc0"), way="lan", times=16),
        tcp(445, smb2(1, bytes(40)), smb_status(bytes(4)), way="lan", times=16)),
    Row(9005018, refused(3306, b"\x10\0\0\1" + bytes(16), b"\x20\0\0\2\xff\x15\x04#28000Access denied"),
        refused(3306, b"\x10\0\0\1" + bytes(16), b"\x20\0\0\2\xff\x10\x04#08004Too many")),
    Row(9005019, tcp(1433, b"\x10\1" + bytes(40), b"\4\1\0\x60\0\0\1\0\xaa\x50\0\x18\x48\0\0\1\x0e" + bytes(60),
        times=16, way="inward"),
        tcp(1433, b"\x10\1" + bytes(40), b"\4\1\0\x60\0\0\1\0\xaa\x50\0\x19\x48\0\0\1\x0e" + bytes(60), times=16,
        way="inward")),
    Row(9005020, tcp(5432, b"p\0\0\0\x08x\0", b"E\0\0\0\x50SFATAL\0VFATAL\0C28P01\0Mno\0\0", times=16, way="inward"),
        tcp(5432, b"p\0\0\0\x08x\0", b"E\0\0\0\x50SERROR\0VERROR\0C42P01\0Mno\0\0", times=16, way="inward")),
    Row(9005021, tcp(389, b"\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0", b"\x30\x0c\2\1\1\x61\7\x0a\1\x31\4\0\4\0",
        times=16, way="lan"),
        tcp(389, b"\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0", b"\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0", times=16,
        way="lan")),
    Row(9005022, answer("no", status="401 Unauthorized", answer_headers=NAME, times=41),
        answer("no", status="401 Unauthorized", answer_headers=NAME, times=39)),
    Row(9005023, refused(110, "PASS x\r\n", "-ERR [AUTH] Authentication failed\r\n"),
        refused(110, "RETR 9\r\n", "-ERR no such message\r\n")),
    Row(9005024, desktop(20), desktop(19)),
    Row(9005025, tcp(22, "SSH-2.0-libssh_0.9.6\r\n", "SSH-2.0-OpenSSH_9.2\r\n", times=21, way="inward"),
        tcp(22, "SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.2\r\n", times=21, way="inward")),
    Row(9005026, basic("admin:admin"), basic("admin:Admin")),
    Row(9005027, basic("tomcat:s3cret", uri="/manager/html"), basic("tomcat:other", uri="/manager/html")),
    Row(9005028, tcp(23, "root\r\n", "Password: ", "xc3511\r\n", way="inward"),
        tcp(23, "root\r\n", "Password: ", "xc3512\r\n", way="inward")),
    Row(9005029, answer(SETTINGS), answer(SETTINGS, "text/html")),
    Row(9005030, answer(CLOUD), answer(CLOUD.replace("aB3/", "xxx-"))),
    Row(9005031, answer("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"), answer("-----BEGIN PUBLIC KEY-----\nx\n")),
    Row(9005032, answer("root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:d:/:/x\n"),
        answer("root:x:0:0: is how its line begins\n")),
    Row(9005033, tcp(4444, SHADOW), tcp(4444, "root:$6$ is how a hash begins\n")),
    Row(9005034, answer(ROLE, "application/json"), answer(ROLE.replace("Secret", "Public"), "application/json")),
    Row(9005035, read(b'<Properties userName="x" cpassword="' + b"aB3d" * 8 + b'"/>'),
        read(b'<Properties userName="x" cpassword=""/>')),
    Row(9005036, smb(smb2_create("temp\\ntds.dit")), smb(smb2_create("temp\\ntds.log"))),
    Row(9005037, post("/up", DUMP), post("/up", DUMP.replace(wide("lsasrv"), wide("other0")))),
    Row(9005038, smb(smb2_create("temp\\lsass_812.dmp")), smb(smb2_create("temp\\lsass_812.txt"))),
    Row(9005039, read(b"regf" + bytes(44) + wide("emRoot\\System32\\Config\\SAM") + bytes(40)),
        read(b"regf" + bytes(44) + wide("\\NTUSER.DAT") + bytes(40))),
    Row(9005040, tcp(4444, "mimikatz # sekurlsa::logonpasswords\n"), tcp(4444, "what is a logonpassword\n")),
]
