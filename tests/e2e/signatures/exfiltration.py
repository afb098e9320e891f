# SPDX-License-Identifier: BSD-3-Clause
"""Sessions for rules/signatures/exfiltration.rules."""
import struct

from .session import Row, dns, form, get, http, mail, ping, post, tcp, tls, udp

SYSTEM = ("Host Name:  A\r\nRegistered Owner:  anna\r\nOriginal Install Date:  1/2/2023\r\nSystem Boot Time:  1/3/2023\r\n"
          "Hotfix(s):  4 Hotfix(s) Installed.\r\n")
NETWORK = "\r\nWindows IP Configuration\r\n\r\n   Host Name . . . . . . : A\r\n   Physical Address. . . . . : 02-00\r\n"
USERS = "\r\nUser accounts for \\\\A\r\n\r\n" + "-" * 79 + "\r\nAdministrator  anna\r\n"
TASKS = "Image Name      PID Session Name   Session#\r\n======== ===\r\nlsass.exe    812 Services\r\n"
KEYS = "[WINDOW: Bank - Login]\nanna[TAB]secret[ENTER]"
FRP = '{"version":"0.44.0","hostname":"","os":"linux","arch":"amd64","user":"","privilege_key":"ab","timestamp":1,"run_id":"","pool_count":1}'
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "eA==", "Sec-WebSocket-Version": "13"}
INNER = b"\x45\0\0\x54\1\2\x40\0\x40\6\1\2\x0a\0\0\1\x0a\0\0\2" + bytes(64)
HEX = "0123456789abcdef" * 3 + "01234"
SHELL = b"Microsoft Windows [Version 10.0.19045]\r\n"


def archive(name):
    """The head of a ZIP file that begins with this one."""
    return b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, 90, 90, len(name), 0) + name.encode() + bytes(90)


def upload(name, **kw):
    made = form(("f", "x", name))
    return post("/up", made["body"], headers=made["headers"], **kw)


def many_names(label, count):
    session = dns(f"{label}.{label}.example.com")
    return session.but(times=count)


UPLOADS = [(9006017, "gofile.io"), (9006037, "transfer.sh"), (9006038, "temp.sh"), (9006039, "bashupload.com"),
           (9006040, "catbox.moe"), (9006041, "0x0.st"), (9006042, "oshi.at")]
COLLECTORS = [(9006022, "webhook.site"), (9006043, "m.pipedream.net"), (9006044, "requestcatcher.com"), (9006045,
              "requestrepo.com"), (9006046, "beeceptor.com")]
PUBLISHED = [(9006034, "serveo.net"), (9006047, "localhost.run"), (9006048, "pinggy.io"), (9006049, "loca.lt"),
             (9006050, "playit.gg"), (9006051, "portmap.io")]


def hellos(zones):
    """TLS to a host in each zone, and in one that ends alike."""
    return [Row(sid, tls("host1." + zone), tls("not" + zone)) for sid, zone in zones]



ROWS = [
    Row(9006001, mail(subject="PW_anna/DESKTOP-A", way="out"), mail(subject="PW_anna reset", way="out")),
    Row(9006002, tcp(21, "STOR PW_anna-A_2023_11_14_22_13_20.html\r\n"), tcp(21, "STOR PW_policy.html\r\n")),
    Row(9006003, mail(subject="Pc Name: anna | Snake Tracker", way="out"), mail(subject="Pc Name: anna", way="out")),
    Row(9006004, post("/a", archive("Browsers/Passwords.txt")), post("/a", archive("Docs/Readme.txt"))),
    Row(9006005, post("/k", KEYS), post("/k", "press [ENTER] or [TAB]")),
    Row(9006006, post("/a", SYSTEM), post("/a", SYSTEM.replace("Owner", "User"))),
    Row(9006007, tcp(4444, SYSTEM), tcp(4444, SYSTEM.replace("Owner", "User"))),
    Row(9006008, tcp(4444, NETWORK), tcp(4444, NETWORK.replace("Physical", "Other"))),
    Row(9006009, tcp(4444, USERS), tcp(4444, USERS.replace("accounts for", "accounts of"))),
    Row(9006010, post("/a", TASKS), post("/a", TASKS.replace("lsass", "other"))),
    Row(9006011, http("PUT", "/dav/a", "x", agent="rclone/v1.64.0"), get("/dav/a", agent="rclone/v1.64.0")),
    Row(9006012, tcp(22, "SSH-2.0-rclone/v1.64.0\r\n"), tcp(22, "SSH-2.0-OpenSSH_9.6\r\n")),
    Row(9006013, upload("a.zip", host="198.51.100.9", agent="curl/8.5.0"),
        upload("a.txt", host="198.51.100.9", agent="curl/8.5.0")),
    Row(9006014, tcp(21, "STOR backup.7z\r\n"), tcp(21, "STOR backup.txt\r\n")),
    Row(9006015, mail(parts=[("vault.kdbx", "application/octet-stream", "x")], way="out"),
        mail(parts=[("vault.kdbx.txt", "text/plain", "x")], way="out")),
    Row(9006016, udp(69, b"\0\2config\0octet\0"), udp(69, b"\0\2config\0mail\0")),
    *hellos(UPLOADS),
    Row(9006018, dns("c2vhx1abcdefghijklmn0abcdefghijkl.oast.pro"), dns("www.oast.pro")),
    Row(9006019, dns("abc123.oastify.com"), dns("oastify.com.example.org")),
    Row(9006020, dns("x1.dnslog.cn"), dns("mydnslog.cn")),
    Row(9006021, dns("x1.ceye.io"), dns("myceye.io")),
    *hellos(COLLECTORS),
    Row(9006023, dns("vaaaakarli.t.example.com", 10), dns("vaaaakarl.com")),
    Row(9006024, dns("dnscat.0a1b0200c3d4e5f60718293a", 16), dns("dnscat.example.com")),
    Row(9006025, dns("AAAAAAAAAA=auth.t.example.com", 16), dns("auth.example.com", 16)),
    Row(9006026, many_names(HEX, 10),
        [many_names(HEX, 9), many_names("documents-and-pictures-of-the-example-company", 12)]),
    Row(9006027, ping(b"\xd5\x20\x08\x80" + bytes(24)), ping(b"\xd5\x20\x08\x81" + bytes(24))),
    Row(9006028, ping(INNER, times=5), [ping(INNER, times=4), ping(INNER.replace(b"\x40\6", b"\x40\x32"), times=5)]),
    Row(9006029, ping(SHELL, b"whoami"), ping(b"abcdefghijklmnopqrstuvwabcdefghi")),
    Row(9006030, get("/", headers={**UPGRADE, "Sec-WebSocket-Protocol": "chisel-v3"}),
        get("/", headers={**UPGRADE, "Sec-WebSocket-Protocol": "chat"})),
    Row(9006031, tcp(7000, b"o" + struct.pack(">Q", len(FRP)) + FRP.encode()),
        tcp(7000, FRP.replace("privilege_key", "key"))),
    Row(9006032, tls("tunnel.eu.ngrok.com"), tls("www.ngrok.com")),
    Row(9006033, tls("region1.v2.argotunnel.com"), tls("argotunnel.com.example.org")),
    *[Row(sid, dns("host1." + zone), dns("not" + zone)) for sid, zone in PUBLISHED],
    Row(9006035, tcp(443, "SSH-2.0-OpenSSH_9.6\r\n"), tcp(22, "SSH-2.0-OpenSSH_9.6\r\n")),
    Row(9006036, tcp(1080, b"\5\1\0", b"\5\0", b"\5\1\0\1\x5d\xb8\xd8\x22\0\x50", b"\5\0\0\1" + bytes(6), way="inward"),
        tcp(1080, b"\5\1\0", b"\5\0", b"\5\1\0\1\x5d\xb8\xd8\x22\0\x50", b"\5\0\0\3" + bytes(6), way="inward")),
]
