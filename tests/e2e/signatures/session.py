# SPDX-License-Identifier: BSD-3-Clause
"""Sessions that show a signature what it looks for, or what only resembles it.

A session says which way it goes (out: from the inside to the outside, inward, lan: between two inside
hosts) and what its sides say; the addresses come when all sessions are written as one capture, a pair for
each, so that an alert tells by its addresses which session it is about.
"""
import base64
import os
import random
import struct
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.append(os.path.join(TOP, "tools/sample"))
import protocols as p  # noqa: E402
from wire import Tcp, Wire, checksum  # noqa: E402

START = 1700000000.0
RANDOM = random.Random(7)


class Row:
    """What is known of one signature: hit must alert, and nothing else but `also`; near must not."""

    def __init__(self, sid, hit, near, also=()):
        self.sid, self.hit, self.also = sid, hit, set(also)
        self.near = near if isinstance(near, (list, tuple)) else [near]


class Session:
    """turns: [("c" or "s", bytes), …]; times: how often it takes place, from another port each time."""

    def __init__(self, proto, port, turns, way="out", times=1, sport=0, ident=None):
        self.proto, self.port, self.turns = proto, port, turns
        self.way, self.times, self.sport, self.ident = way, times, sport, ident

    def but(self, **changes):
        """The same session with something changed: way, times, port, sport."""
        other = Session(self.proto, self.port, self.turns, self.way, self.times, self.sport, self.ident)
        for name, value in changes.items():
            setattr(other, name, value)
        return other

    def ends(self, number):
        inside, outside = f"10.77.{number >> 8}.{number & 255}", f"198.18.{number >> 8}.{number & 255}"
        return {"out": (inside, outside), "inward": (outside, inside),
                "lan": (inside, inside.replace("10.77.", "10.78."))}[self.way]

    def write(self, wire, number, when):
        client, server = self.ends(number)
        for n in range(self.times):
            getattr(self, "write_" + self.proto)(wire, client, server, self.sport or 40000 + n, when + n * 0.2)

    def write_tcp(self, wire, client, server, sport, when):
        tcp = Tcp(wire, when, client, sport, server, self.port, 0.001)
        for side, data in self.turns:
            tcp.send(side == "s", data)
        tcp.close()

    def write_udp(self, wire, client, server, sport, when):
        for side, data in self.turns:
            when += 0.001
            if side == "c":
                wire.udp(when, client, sport, server, self.port, data)
            else:
                wire.udp(when, server, self.port, client, sport, data)

    def write_icmp(self, wire, client, server, sport, when):
        """turns: whole ICMP messages, without their checksum."""
        for side, data in self.turns:
            when += 0.001
            data = data[:2] + struct.pack(">H", checksum(data[:2] + b"\0\0" + data[4:])) + data[4:]
            wire.ip(when, *((client, server) if side == "c" else (server, client)), 1, data)

    def write_segments(self, wire, client, server, sport, when):
        """turns: the client's lone TCP segments, as their flags; port: the first of the ports they go to."""
        for n, (_, flags) in enumerate(self.turns):
            head = struct.pack(">HHIIBBHHH", sport, self.port + n, 1000 + n, 0, 0x50, flags, 1024, 0, 0)
            if self.ident:
                wire.ident[client] = self.ident - 1
            wire.transport(when + n * 0.001, client, server, 6, head, 16)


def capture(path, sessions):
    """Writes all sessions, the nth under the number n."""
    wire = Wire(random.Random(1), "10.", "10.0.0.1")
    for number, session in enumerate(sessions):
        session.write(wire, number, START + number * 3)
    wire.write(path)


def number_of(alert):
    """Which session an alert is about."""
    for address in (alert["src_ip"], alert["dest_ip"]):
        if address.startswith(("10.77.", "10.78.")):
            high, low = address.split(".")[2:]
            return int(high) << 8 | int(low)
    raise ValueError(f"an alert about nobody: {alert}")


def as_bytes(data):
    return data if isinstance(data, bytes) else data.encode()


def tcp(port, *turns, way="out", **kw):
    """turns: in turn of the client and the server; None: it has nothing to say."""
    return Session("tcp", port, [("cs"[n % 2], as_bytes(t)) for n, t in enumerate(turns) if t], way, **kw)


def udp(port, *turns, way="out", **kw):
    return Session("udp", port, [("cs"[n % 2], as_bytes(t)) for n, t in enumerate(turns) if t], way, **kw)


def ping(data, answer=None, **kw):
    head = b"\0\0\0\0\x12\x34\0\1"
    return Session("icmp", 0, [("c", b"\x08" + head[1:] + data), ("s", head + (data if answer is None else answer))],
    **kw)


def segments(flags, port=20, count=1, way="inward", **kw):
    return Session("segments", port, [("c", flags)] * count, way, **kw)


# ---- HTTP ----

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def http(method, uri, body=b"", headers=None, host="www.example.com", agent=BROWSER, answer=b"<html>ok</html>",
         kind="text/html", status="200 OK", answer_headers=None, port=80, **kw):
    """headers and answer_headers: a dictionary; a name with the value None is left out. Without changes it is what
    a browser sends."""
    body, answer = as_bytes(body), as_bytes(answer)
    fields = {"Host": host, "User-Agent": agent, "Accept": "*/*", "Accept-Language": "en",
              "Referer": f"http://{host}/", **(headers or {})}
    if body:
        fields.setdefault("Content-Type", "application/x-www-form-urlencoded")
        fields["Content-Length"] = str(len(body))
    reply = {"Content-Type": kind, "Content-Length": str(len(answer)), **(answer_headers or {})}
    lines = lambda d: b"".join(b"%s: %s\r\n" % (k.encode(), as_bytes(v)) for k, v in d.items() if v is not None)
    request = f"{method} ".encode() + as_bytes(uri) + b" HTTP/1.1\r\n" + lines(fields) + b"\r\n" + body
    return tcp(port, request, f"HTTP/1.1 {status}\r\n".encode() + lines(reply) + b"\r\n" + answer, **kw)


def get(uri="/", answer=b"<html>ok</html>", **kw):
    return http("GET", uri, answer=answer, **kw)


def post(uri, body, **kw):
    return http("POST", uri, body, **kw)


def visit(uri="/", **kw):
    """A request from the outside to a server inside."""
    return http("GET", uri, way="inward", **kw)


def send(uri, body, **kw):
    return http("POST", uri, body, way="inward", **kw)


def form(*parts):
    """multipart/form-data: (name, content) or (name, content, file name); returns what http() wants."""
    lines = []
    for name, content, *rest in parts:
        extra = f'; filename="{rest[0]}"' if rest else ""
        lines.append(f'--XX\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() +
                     as_bytes(content) + b"\r\n")
    return {"body": b"".join(lines) + b"--XX--\r\n",
    "headers": {"Content-Type": "multipart/form-data; boundary=XX", "Referer": None}}


def windows_program(size=600):
    """Looks like the beginning of a program and is none."""
    return (b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0" + bytes(44) +
            b"\x0e\x1f\xba\x0e\0\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21This program cannot be run in DOS mode.\r\r\n$" + bytes(size))


# ---- DNS ----


def dns(name, kind=1, data=b"\xcb\0\x71\x05", port=53, way="out", answer=True, **kw):
    return udp(port, p.dns_question(7, name, kind), p.dns_answer(7, name, kind, data) if answer else None, way=way,
    **kw)


# ---- TLS ----

OIDS = {"C": b"\x55\x04\x06", "O": b"\x55\x04\x0a", "CN": b"\x55\x04\x03", "ST": b"\x55\x04\x08", "L": b"\x55\x04\x07",
        "OU": b"\x55\x04\x0b"}


def name(text):
    """"C=US, CN=x" as DER"""
    fields = [f.split("=", 1) for f in text.split(", ")]
    return p.der(0x30, *[p.der(0x31, p.der(0x30, p.der(6, OIDS[k]), p.der(0x0C, v.encode()))) for k, v in fields])


def certificate(subject, issuer=None, serial=b"\x4a\x11\x22\x33\x44"):
    rsa_sha256 = p.der(0x30, p.der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), p.der(5))
    rsa = p.der(0x30, p.der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), p.der(5))
    key = p.der(0x30, rsa,
    p.der(3, b"\0", p.der(0x30, p.der(2, b"\0\xc1" + RANDOM.randbytes(255)), p.der(2, b"\1\0\1"))))
    times = p.der(0x30, p.der(0x17, b"230101000000Z"), p.der(0x17, b"330101000000Z"))
    body = p.der(0x30, p.der(0xA0, p.der(2, b"\2")), p.der(2, serial), rsa_sha256, name(issuer or subject), times,
                 name(subject), key)
    return p.der(0x30, body, rsa_sha256, p.der(3, b"\0", RANDOM.randbytes(256)))


def tls(sni="www.example.com", cert="CN=www.example.com", issuer="C=US, O=Example Trust, CN=Example CA", port=443,
        serial=b"\x4a\x11\x22\x33\x44", **kw):
    done = p.record(22, p.handshake(16, p.vector(RANDOM.randbytes(32), 1))) + p.record(20, b"\1") + p.record(22,
    bytes(40))
    return tcp(port, p.client_hello(RANDOM, sni, False), p.tls12_server(RANDOM, [certificate(cert, issuer, serial)]),
               done, p.record(20, b"\1") + p.record(22, bytes(40)), p.encrypted(RANDOM, 200), p.encrypted(RANDOM,
               900), **kw)


# ---- mail ----


def mail(text="Hello\r\n", subject="Minutes", sender="anna@example.org", to="ben@example.com", helo="mx.example.org",
         parts=(), headers=None, kind="text/plain; charset=utf-8", from_=None, port=25, way="inward", raw=None, **kw):
    """parts: attachments (name, kind, content). raw: all of the message instead."""
    fields = {"From": from_ or f"Anna <{sender}>", "To": f"Ben <{to}>", "Subject": subject,
              "Date": "Tue, 14 Nov 2023 22:13:20 +0000", "Message-ID": "<1@example.org>", "MIME-Version": "1.0",
              **(headers or {})}
    if parts:
        fields["Content-Type"] = 'multipart/mixed; boundary="=_p1"'
    else:
        fields["Content-Type"] = kind
    message = "".join(f"{k}: {v}\r\n" for k, v in fields.items() if v is not None).encode() + b"\r\n"
    if parts:
        message += f"--=_p1\r\nContent-Type: {kind}\r\n\r\n".encode() + as_bytes(text) + b"\r\n"
        for file, file_kind, content in parts:
            packed = base64.encodebytes(as_bytes(content)).replace(b"\n", b"\r\n")
            message += (f'--=_p1\r\nContent-Type: {file_kind}; name="{file}"\r\nContent-Transfer-Encoding: base64\r\n'
                        f'Content-Disposition: attachment; filename="{file}"\r\n\r\n').encode() + packed
        message += b"--=_p1--\r\n"
    else:
        message += as_bytes(text)
    turns = [("s", b"220 mail.example.com ESMTP\r\n"), ("c", b"EHLO %s\r\n" % as_bytes(helo)),
    ("s", b"250 mail.example.com\r\n"),
             ("c", b"MAIL FROM:<%s>\r\n" % as_bytes(sender)), ("s", b"250 Ok\r\n"), ("c",
             b"RCPT TO:<%s>\r\n" % as_bytes(to)),
             ("s", b"250 Ok\r\n"), ("c", b"DATA\r\n"), ("s", b"354 go on\r\n"), ("c", (raw or message) + b"\r\n.\r\n"),
             ("s", b"250 Ok\r\n"), ("c", b"QUIT\r\n"), ("s", b"221 Bye\r\n")]
    return Session("tcp", port, turns, way, **kw)


# ---- SMB and DCE/RPC ----


def wide(text):
    return text.encode("utf-16-le")


def netbios(message):
    return struct.pack(">I", len(message)) + message


def smb2(command, body, **_):
    """One SMB2 message of the client, in its NetBIOS frame."""
    return netbios(b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ", 64, 1, 0, command, 1, 0, 0, 1, 0xFEFF, 5,
    7) + bytes(16) + body)


def smb2_create(file):
    head = struct.pack("<HBBIQQIIIIIHHII", 57, 0, 0, 2, 0, 0, 0x12019F, 0, 7, 1, 0, 120, len(wide(file)), 0, 0)
    return smb2(5, head + wide(file))


def smb(*messages, port=445, way="lan", **kw):
    """The client's messages, each with a short answer."""
    turns = []
    for m in messages:
        turns += [("c", m), ("s", netbios(b"\xfeSMB" + bytes(68)))]
    return Session("tcp", port, turns, way, **kw)


def uuid(text):
    import uuid as u
    return u.UUID(text).bytes_le


def rpc_bind(iface, version=1):
    body = struct.pack("<HHIBBHHBB", 4280, 4280, 0, 1, 0, 0, 0, 1, 0) + uuid(iface) + struct.pack("<HH", version, 0)
    body += uuid("8a885d04-1ceb-11c9-9fe8-08002b104860") + struct.pack("<I", 2)
    return b"\x05\0\x0b\x03\x10\0\0\0" + struct.pack("<HHI", 16 + len(body), 0, 1) + body


def rpc_request(opnum, stub=bytes(32)):
    return b"\x05\0\0\x03\x10\0\0\0" + struct.pack("<HHIIHH", 24 + len(stub), 0, 2, len(stub), 0, opnum) + stub


def rpc(iface, opnum, stub=bytes(32), port=49670, way="lan", version=1, **kw):
    return tcp(port, rpc_bind(iface, version), b"\x05\0\x0c\x03\x10\0\0\0\x3c\0\0\0\x01\0\0\0" + bytes(44),
               rpc_request(opnum, stub), way=way, **kw)
