# SPDX-License-Identifier: BSD-3-Clause
"""Sessions for rules/signatures/metsuke.rules."""
from .session import Row, dns, get, mail, p, post, tls, udp, windows_program

PROGRAM = windows_program()
NAMES = [(b"", p.dns_answer(n, f"n{n}.example.com", 1, None)) for n in range(10)]


def unknown_names(count):
    return udp(53, *[x for n in range(count) for x in (p.dns_question(n, f"n{n}.example.com", 1), NAMES[n][1])])


ROWS = [
    Row(9000001, get("/setup", PROGRAM, kind="application/octet-stream"),
        get("/setup", PROGRAM[2:], kind="application/octet-stream")),
    Row(9000002, get("/a.png", PROGRAM, kind="image/png"), get("/a.png", b"\x89PNG" + PROGRAM, kind="image/png"),
        also=[9000001]),
    Row(9000003, get("/tool.exe", headers={"Referer": None}), get("/tool.exe")),
    Row(9000004, get("/a", host="203.0.113.9", agent="Mozilla/5.0 (compatible; MSIE 6.0; X)"),
        get("/a", agent="Mozilla/5.0 (compatible; MSIE 6.0; X)")),
    Row(9000005, mail(parts=[("tool.bin", "application/octet-stream", PROGRAM)]),
        mail(parts=[("tool.bin", "application/octet-stream", PROGRAM[2:])])),
    Row(9000006, mail(parts=[("bill.pdf.exe", "application/octet-stream", "x")]),
        mail(parts=[("bill.exe.pdf", "application/pdf", "x")])),
    Row(9000007, unknown_names(10), unknown_names(9)),
    Row(9000008, dns("qhwkrtzxvbnmpl.example.com".replace("example", "qwrtzpx")),
        [dns("documentation.example.com"), dns("dns.msftncsi.com")]),
    Row(9000009, post("/gate.php", "a=1", headers={"Referer": None, "Accept-Language": None}),
        post("/gate.php", "a=1", headers={"Referer": None})),
    Row(9000010, get("/", agent="Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)"),
        get("/", agent="Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.0)")),
    Row(9000011, tls(issuer="C=AU, ST=Some-State, O=Internet Widgits Pty Ltd"), tls(issuer="C=AU, O=Widgits Pty Ltd")),
    Row(9000012, tls(port=4443), tls(port=8443)),
]
