# SPDX-License-Identifier: BSD-3-Clause
"""Sessions for rules/signatures/scan.rules."""
from .session import Row, dns, netbios, p, segments, send, tcp, udp, visit

FIN, SYN, PSH, URG = 1, 2, 8, 32
NMAP = "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)"
CALLS = "<?xml version='1.0'?><methodCall><methodName>system.multicall</methodName><value>wp.getUsersBlogs</value></methodCall>"
NAMES = b"\1\2\0\0\0\1\0\0\0\0\0\0\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\1"
VERSION = b"\1\2\1\0\0\1\0\0\0\0\0\0\7version\4bind\0\0\x10\0\3"
SIP = "OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9\r\nUser-Agent: {}\r\n\r\n"
PROBE = '<Envelope xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><Body><d:{}/></Body></Envelope>'


def agent(text, other="Mozilla/5.0 (X11; Linux x86_64) Reader/1.0"):
    """Requests of a scanner, and of a program with a name like it."""
    return visit("/", agent=text), visit("/", agent=other)


def head(name):
    return visit("/", headers={name: "1"})


def snmp(community):
    body = p.der(2, b"\1") + p.der(4, community) + p.der(0xA0, bytes(20))
    return udp(161, p.der(0x30, body), way="inward")


def rpc_call(procedure):
    return udp(111, b"\1\2\3\4\0\0\0\0\0\0\0\2\0\1\x86\xa0\0\0\0\2\0\0\0" + procedure + bytes(16), way="inward")


def missing(times):
    return visit("/x", status="404 Not Found", times=times)


def asks(*uris):
    return tcp(80,
    *[x for u in uris for x in (f"GET {u} HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n")],
               way="inward")


def desktop(cookie):
    return tcp(3389, b"\3\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=" + cookie + b"\r\n\1\0\x08\0\3\0\0\0",
    way="inward")


def vrfy(count):
    turns = [None, "220 x\r\n", "HELO x\r\n", "250 x\r\n"]
    for n in range(count):
        turns += [f"VRFY user{n}\r\n", "252 maybe\r\n"]
    return tcp(25, *turns, way="inward")


ROWS = [
    Row(9007001, *agent(NMAP, "Nmap manual reader")),
    Row(9007002, *agent("sqlmap/1.8#stable (https://sqlmap.org)", "about sqlmap/1.8")),
    Row(9007003, *agent("Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:Port Check)", "Nikto")),
    Row(9007004, *agent("Nuclei - Open-source project (github.com/projectdiscovery/nuclei)", "Nuclei reader")),
    Row(9007005, *agent("gobuster/3.6", "about gobuster/3.6")),
    Row(9007006, *agent("DirBuster-1.0-RC1 (http://www.owasp.org)", "DirBuster")),
    Row(9007007, *agent("feroxbuster/2.10", "ferox")),
    Row(9007008, *agent("Fuzz Faster U Fool v2.1.0", "Fuzz Faster")),
    Row(9007009, *agent("WPScan v3.8.25 (https://wpscan.com)", "WPScanner")),
    Row(9007010, *agent("masscan/1.3 (https://github.com/robertdavidgraham/masscan)", "masscan")),
    Row(9007011, *agent("Mozilla/5.0 zgrab/0.x", "Mozilla/5.0 zgrabber")),
    Row(9007012, *agent("WhatWeb/0.5.5", "WhatWebsite")),
    Row(9007013, *agent("Mozilla/4.0 (Hydra)", "Mozilla/4.0 (Hydra) reader")),
    Row(9007014, *agent("l9explore/1.2.2", "l9")),
    Row(9007015, *agent("Mozilla/5.0 [en] (X11, U; OpenVAS-VT 22.7)", "Mozilla/5.0 [en] (X11, U)")),
    Row(9007016, head("Acunetix-Aspect"), head("Acu-Aspect")),
    Row(9007017, head("X-Nessus-Scan"), head("X-Ness")),
    Row(9007018, visit("/nice%20ports%2C/Tri%6Eity.txt%2ebak"), visit("/nice%20ports")),
    Row(9007019, visit("/nmaplowercheck1700000000"), visit("/docs/nmaplowercheck")),
    Row(9007020, asks("/.env", "/.git/config", "/.aws/credentials"),
        [asks("/.env", "/.git/config"), asks("/a", "/b", "/c", "/env")]),
    Row(9007021, visit("/actuator/heapdump"), visit("/actuator/health")),
    Row(9007022, send("/xmlrpc.php", CALLS), send("/xmlrpc.php", CALLS.replace("system.multicall", "wp.getPost"))),
    Row(9007023, missing(81), missing(60)),
    Row(9007024, tcp(80, "CONNECT mail.example.org:25 HTTP/1.1\r\nHost: mail.example.org:25\r\n\r\n",
        "HTTP/1.1 405 no\r\nContent-Length: 0\r\n\r\n", way="inward"),
        visit("/CONNECT")),
    Row(9007025, segments(SYN, ident=54321, count=1, times=3),
        [segments(SYN, ident=54320, count=1, times=3), segments(SYN, ident=54321, times=2)]),
    Row(9007026, segments(0, count=6), segments(0, count=4)),
    Row(9007027, segments(FIN | PSH | URG, count=6), segments(FIN | PSH | URG, count=4)),
    Row(9007028, segments(FIN, count=6), segments(FIN, count=4)),
    Row(9007029, segments(SYN | FIN | PSH | URG), segments(SYN | PSH | URG)),
    Row(9007030, segments(SYN, count=61, way="out"), segments(SYN, count=50, way="out")),
    Row(9007031, tcp(22, "SSH-2.0-Nmap-SSH2-Hostkey\r\n", way="inward"),
        tcp(22, "SSH-2.0-OpenSSH_9.6\r\n", way="inward")),
    Row(9007032, desktop(b"NCRACK_USER"), desktop(b"anna")),
    Row(9007033, udp(53, VERSION, way="inward"), udp(53, VERSION.replace(b"\0\3", b"\0\1"), way="inward")),
    Row(9007034, dns("example.com", 252, way="inward"),
        [dns("example.com", 6, way="inward"), dns("example.com", 252, way="lan")]),
    Row(9007035, snmp(b"public"), snmp(b"kX82hd")),
    Row(9007036, udp(137, NAMES, way="inward"), udp(137, NAMES, way="lan")),
    Row(9007037, rpc_call(b"\4"), rpc_call(b"\3")),
    Row(9007038, udp(1434, b"\2", way="inward"), udp(1434, b"\5", way="inward")),
    Row(9007039, udp(623, b"\6\0\xff\7" + bytes(9) + b"\x09\x20\x18\xc8\x81\0\x38\x8e\4\xb5", way="inward"),
        udp(623, b"\6\0\xff\6" + bytes(9) + b"\x09\x20\x18\xc8\x81\0\x38\x8e\4\xb5", way="inward")),
    Row(9007040, udp(5060, SIP.format("friendly-scanner"), way="inward"),
        udp(5060, SIP.format("Phone/1.0"), way="inward")),
    Row(9007041, vrfy(11), vrfy(9)),
    Row(9007042, tcp(445, netbios(b"\xffSMB\x72" + bytes(30) + b"\2NT LM 0.12\0"), way="inward"),
        tcp(445, netbios(b"\xffSMB\x72" + bytes(30) + b"\2NT LM 0.12\0"), way="lan")),
    Row(9007043, udp(123, b"\x17\0\3\x2a" + bytes(4), way="inward"),
        udp(123, b"\x1b\0\3\x2a" + bytes(4), way="inward")),
    Row(9007044, udp(11211, b"\0\0\0\0\0\1\0\0stats\r\n", way="inward"),
        udp(11211, b"\0\0\0\0\0\1\0\0stats\r\n", way="lan")),
    Row(9007045, udp(1900, "M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\nMAN: \"ssdp:discover\"\r\n\r\n", way="inward"),
        udp(1900, "M-SEARCH * HTTP/1.1\r\nST: upnp:rootdevice\r\n\r\n", way="inward")),
    Row(9007046, udp(389, p.der(0x30, p.der(2, b"\1"), p.der(0x63, b"\4\0\x0a\1\0", p.der(0x87, b"objectclass"))),
        way="inward"),
        udp(389, p.der(0x30, p.der(2, b"\1"), p.der(0x63, b"\4\0\x0a\1\0", p.der(0x87, b"Netlogon"))), way="inward")),
    Row(9007047, udp(3702, PROBE.format("Probe"), way="inward"), udp(3702, PROBE.format("Bye"), way="inward")),
    Row(9007048, udp(19, b"\1", way="inward"), udp(19, b"hello, hello", way="inward")),
]
