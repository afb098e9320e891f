"""MySQL for the tests (MySQL Server documentation, "Client/Server Protocol"; MariaDB's where it says so)."""
import struct
import zlib

PORT = 3306
DATABASE, COMPRESS, LOCAL_FILES, P41, TLS, SECURE, MULTI, PLUGIN, ATTRIBUTES, LONG_SECRET, NO_EOF = (
    1 << n for n in (3, 5, 7, 9, 11, 15, 17, 19, 20, 21, 24))
QUERY_ATTRIBUTES = 1 << 27
CAN = P41 | SECURE | PLUGIN | MULTI | DATABASE | LONG_SECRET | ATTRIBUTES
MORE = 8
FULL = 0xffffff


def packet(number, data):
    """One, or as many as it takes."""
    out = b""
    while True:
        part, data = data[:FULL], data[FULL:]
        out += struct.pack("<I", len(part))[:3] + bytes([number & 255]) + part
        number += 1
        if len(part) < FULL:
            return out


def lenenc(n):
    if n < 251:
        return bytes([n])
    if n < 1 << 16:
        return b"\xfc" + struct.pack("<H", n)
    return b"\xfd" + struct.pack("<I", n)[:3] if n < 1 << 24 else b"\xfe" + struct.pack("<Q", n)


def string(data):
    return lenenc(len(data)) + data


def greeting(version=b"8.0.36", can=CAN, plugin=b"caching_sha2_password", number=0):
    return packet(number, b"\x0a" + version + b"\0" + struct.pack("<I", 8) + b"12345678\0" + struct.pack("<H", can & 0xffff) +
                  b"\xff\2\0" + struct.pack("<H", can >> 16) + b"\x15" + bytes(10) + b"123456789012\0" +
                  (plugin + b"\0" if can & PLUGIN else b""))


def tls_request(can=CAN | TLS):
    return packet(1, struct.pack("<IIB23x", can, 1 << 24, 45))


def login(user=b"alice", database=b"shop", secret=bytes(32), plugin=b"caching_sha2_password", can=CAN, number=1, attributes=()):
    data = struct.pack("<IIB23x", can, 1 << 24, 45) + user + b"\0"
    data += string(secret) if can & LONG_SECRET else bytes([len(secret)]) + secret
    data += (database + b"\0" if can & DATABASE else b"") + (plugin + b"\0" if can & PLUGIN else b"")
    if can & ATTRIBUTES:
        data += string(b"".join(string(k) + string(v) for k, v in attributes))
    return packet(number, data)


def ok(number=1, affected=0, status=2, head=b"\0", info=b""):
    return packet(number, head + lenenc(affected) + lenenc(0) + struct.pack("<HH", status, 0) + info)


def error(number=1, code=1045, state=b"28000", text=b"Access denied"):
    return packet(number, b"\xff" + struct.pack("<H", code) + b"#" + state + text)


def eof(number, status=2):
    return packet(number, b"\xfe" + struct.pack("<HH", 0, status))


def command(code, argument=b""):
    return packet(0, bytes([code]) + argument)


def query(text):
    return command(3, text)


def column(number, name=b"c"):
    return packet(number, b"".join(map(string, (b"def", b"db", b"t", b"t", name, name))) + b"\x0c" + struct.pack(
        "<HIBHB2x", 45, 255, 253, 0, 0))


def result(columns, rows, number=1, status=2, no_eof=False):
    """Of texts; None is NULL."""
    out = packet(number, lenenc(columns))
    for _ in range(columns):
        number += 1
        out += column(number)
    if not no_eof:
        number += 1
        out += eof(number)
    for row in rows:
        number += 1
        out += packet(number, b"".join(b"\xfb" if v is None else string(v) for v in row))
    return out + (ok(number + 1, 0, status, b"\xfe") if no_eof else eof(number + 1, status))


def prepared(statement, columns, parameters, no_eof=False):
    out, number = packet(1, struct.pack("<BIHHBH", 0, statement, columns, parameters, 0, 0)), 1
    for count in (parameters, columns):
        for _ in range(count):
            number += 1
            out += column(number, b"?")
        if count and not no_eof:
            number += 1
            out += eof(number)
    return out


def opening(can=CAN, **kw):
    return [("s", greeting(can=can)), ("c", login(can=can, **kw)), ("s", packet(2, b"\1\3") + ok(3))]


def packed(data, number=0, compress=True, size=FULL):
    """Packets as the compressed protocol carries them."""
    out = b""
    for at in range(0, len(data), size):
        part = data[at:at + size]
        body = zlib.compress(part) if compress else part
        out += struct.pack("<I", len(body))[:3] + bytes([number & 255]) + struct.pack("<I", len(part) if compress else 0)[:3] + body
        number += 1
    return out
