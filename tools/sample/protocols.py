# SPDX-License-Identifier: BSD-3-Clause
"""The bytes of DNS, HTTP, TLS and SMTP messages for the sample capture."""
import base64
import datetime
import gzip
import struct

# ---- DNS (RFC 1035) ----


def dns_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def dns_question(ident, name, kind, flags=0x0100, answers=0):
    return struct.pack(">HHHHHH", ident, flags, 1, answers, 0, 0) + dns_name(name) + struct.pack(">HH", kind, 1)


def dns_answer(ident, name, kind, data, ttl=300):
    """data: the record's bytes; None: there is no such name; b"": the name has no such record."""
    if data is None:
        return dns_question(ident, name, kind, 0x8183)
    record = struct.pack(">HHHIH", 0xC00C, kind, 1, ttl, len(data)) + data if data else b""
    return dns_question(ident, name, kind, 0x8180, 1 if data else 0) + record


# ---- HTTP/1.1 (RFC 9112) ----


def http_request(method, host, uri, headers=(), body=b""):
    lines = [f"{method} {uri} HTTP/1.1", f"Host: {host}", *[f"{k}: {v}" for k, v in headers]]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def http_response(status, kind, body, when, packed=False, server="nginx/1.24.0", extra=()):
    date = datetime.datetime.fromtimestamp(int(when), datetime.timezone.utc)
    lines = [f"HTTP/1.1 {status}", f"Server: {server}", f"Date: {date:%a, %d %b %Y %H:%M:%S GMT}",
             f"Content-Type: {kind}", *[f"{k}: {v}" for k, v in extra]]
    if packed:
        body = gzip.compress(body, mtime=0)
        lines.append("Content-Encoding: gzip")
    lines += [f"Content-Length: {len(body)}", "Connection: keep-alive", "", ""]
    return "\r\n".join(lines).encode() + body


# ---- X.509 (RFC 5280); the signature is random bytes: nobody on the way can check it ----


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    count = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 | count]) + size.to_bytes(count, "big") + body


def der_name(fields):
    oids = {"C": b"\x55\x04\x06", "O": b"\x55\x04\x0a", "CN": b"\x55\x04\x03", "ST": b"\x55\x04\x08"}
    return der(0x30, *[der(0x31, der(0x30, der(6, oids[k]), der(0x0C, v.encode()))) for k, v in fields])


def certificate(rng, subject, issuer, names, start):
    """start: epoch seconds from which it holds, for a year."""
    rsa_sha256 = der(0x30, der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), der(5))
    rsa = der(0x30, der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), der(5))
    modulus = b"\0\xc1" + rng.randbytes(255)
    key = der(0x30, rsa, der(3, b"\0", der(0x30, der(2, modulus), der(2, b"\1\0\1"))))
    utc = [datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%y%m%d%H%M%SZ").encode()
           for t in (start, start + 365 * 86400)]
    alt = der(0x30, der(6, b"\x55\x1d\x11"), der(4, der(0x30, *[der(0x82, n.encode()) for n in names])))
    body = der(0x30, der(0xA0, der(2, b"\2")), der(2, b"\x4a" + rng.randbytes(15)), rsa_sha256, der_name(issuer),
               der(0x30, *[der(0x17, t) for t in utc]), der_name(subject), key, der(0xA3, der(0x30, alt)))
    return der(0x30, body, rsa_sha256, der(3, b"\0", rng.randbytes(256)))


# ---- TLS 1.2 and 1.3 (RFC 5246, RFC 8446) ----

BROWSER = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x002F)
BOT = (0xC028, 0xC027, 0xC014, 0xC013, 0x009F, 0x009E, 0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F, 0x000A)


def record(kind, body, version=0x0303):
    return struct.pack(">BHH", kind, version, len(body)) + body


def handshake(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def extension(kind, body):
    return struct.pack(">HH", kind, len(body)) + body


def vector(body, size=2):
    return len(body).to_bytes(size, "big") + body


def client_hello(rng, name, browser):
    extensions = extension(0, vector(b"\0" + vector(name.encode())))
    extensions += extension(10, vector(struct.pack(">HHH", 29, 23, 24))) + extension(11, vector(b"\0", 1))
    extensions += extension(13, vector(struct.pack(">HHHHH", 0x0403, 0x0804, 0x0401, 0x0503, 0x0201)))
    if browser:
        extensions += extension(16, vector(vector(b"h2", 1) + vector(b"http/1.1", 1)))
        extensions += extension(43, vector(struct.pack(">HH", 0x0304, 0x0303), 1)) + extension(45, b"\1\1")
        extensions += extension(51, vector(struct.pack(">HH", 29, 32) + rng.randbytes(32)))
    extensions += extension(23, b"") + extension(0xFF01, b"\0")
    suites = b"".join(struct.pack(">H", s) for s in (BROWSER if browser else BOT))
    body = b"\x03\x03" + rng.randbytes(32) + vector(rng.randbytes(32) if browser else b"", 1)
    return record(22, handshake(1, body + vector(suites) + b"\1\0" + vector(extensions)), 0x0301)


def tls13_server(rng):
    """Hello, then all else encrypted."""
    extensions = extension(43, b"\x03\x04") + extension(51, struct.pack(">HH", 29, 32) + rng.randbytes(32))
    body = b"\x03\x03" + rng.randbytes(32) + vector(rng.randbytes(32), 1) + b"\x13\x01\0" + vector(extensions)
    return record(22, handshake(2, body)) + record(20, b"\1") + record(23, rng.randbytes(2600))


def tls12_server(rng, chain):
    body = b"\x03\x03" + rng.randbytes(32) + vector(rng.randbytes(32), 1) + b"\xc0\x2f\0" + vector(extension(0xFF01, b"\0"))
    certs = vector(b"".join(vector(c, 3) for c in chain), 3)
    exchange = b"\x03\0\x1d" + vector(rng.randbytes(32), 1) + b"\x04\x01" + vector(rng.randbytes(256))
    return (record(22, handshake(2, body)) + record(22, handshake(11, certs)) + record(22, handshake(12, exchange)) +
            record(22, handshake(14, b"")))


def encrypted(rng, size):
    """Application data in records of at most 16 KiB."""
    return b"".join(record(23, rng.randbytes(min(size - at, 16384))) for at in range(0, size, 16384))


def tls_session(tcp, rng, name, chain, sizes, browser=True):
    """chain: the server's certificates (TLS 1.2), or None (TLS 1.3). sizes: of requests and answers."""
    tcp.client(client_hello(rng, name, browser))
    if chain is None:
        tcp.server(tls13_server(rng)).client(record(20, b"\1") + record(23, rng.randbytes(53)))
    else:
        tcp.server(tls12_server(rng, chain))
        tcp.client(record(22, handshake(16, vector(rng.randbytes(32), 1))) + record(20, b"\1") + record(22, rng.randbytes(40)))
        tcp.server(record(20, b"\1") + record(22, rng.randbytes(40)))
    for request, answer in sizes:
        tcp.client(encrypted(rng, request))
        tcp.server(encrypted(rng, answer))
    return tcp.client(record(21, rng.randbytes(26))).close()


# ---- SMTP (RFC 5321) and a message with an attachment (RFC 2045) ----


def mail(sender, to, subject, text, name, kind, content, when, ident):
    date = datetime.datetime.fromtimestamp(int(when), datetime.timezone.utc)
    packed = base64.b64encode(content).decode()
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Date: {date:%a, %d %b %Y %H:%M:%S +0000}",
             f"Message-ID: <{ident}@{sender.split('@')[1].rstrip('>')}>", "MIME-Version: 1.0",
             'Content-Type: multipart/mixed; boundary="=_part_8841"', "", "--=_part_8841",
             "Content-Type: text/plain; charset=utf-8", "", *text, "", "--=_part_8841",
             f'Content-Type: {kind}; name="{name}"', "Content-Transfer-Encoding: base64",
             f'Content-Disposition: attachment; filename="{name}"', "",
             *[packed[at:at + 76] for at in range(0, len(packed), 76)], "--=_part_8841--", "."]
    return "\r\n".join([*lines, ""]).encode()


def smtp_session(tcp, helo, banner, sender, to, message):
    say = lambda text: text.encode() + b"\r\n"
    tcp.server(say(f"220 {banner} ESMTP"))
    tcp.client(say(f"EHLO {helo}")).server(say(f"250-{banner}\r\n250-SIZE 26214400\r\n250 8BITMIME"))
    tcp.client(say(f"MAIL FROM:<{sender}>")).server(say("250 2.1.0 Ok"))
    tcp.client(say(f"RCPT TO:<{to}>")).server(say("250 2.1.5 Ok"))
    tcp.client(say("DATA")).server(say("354 End data with <CR><LF>.<CR><LF>"))
    tcp.client(message).server(say("250 2.0.0 Ok: queued as 4VdX2k1mZz"))
    return tcp.client(say("QUIT")).server(say("221 2.0.0 Bye")).close(1)
