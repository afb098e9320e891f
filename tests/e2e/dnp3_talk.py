"""DNP3 for the tests (IEEE 1815-2012): frames with their checksums, segments, messages."""
import struct

PORT = 20000
READ, WRITE, SELECT, OPERATE, DIRECT, FREEZE, ENABLE, ASSIGN, RESPONSE, UNSOLICITED = 1, 2, 3, 4, 5, 7, 20, 22, 129, 130


def crc(data):
    n = 0
    for byte in data:
        n ^= byte
        for _ in range(8):
            n = n >> 1 ^ 0xa6bc if n & 1 else n >> 1
    return data + struct.pack("<H", ~n & 0xffff)


def frame(user, master=True, control=0x44, dst=10, src=1):
    """At most 250 bytes of user data."""
    head = crc(b"\x05\x64" + struct.pack("<BBHH", len(user) + 5, control | 0x80 * master, dst, src))
    return head + b"".join(crc(user[at:at + 16]) for at in range(0, len(user), 16))


def segments(message, sequence=0, size=249, **kw):
    parts = [message[at:at + size] for at in range(0, len(message), size)] or [b""]
    return [frame(bytes([(0x40 if i == 0 else 0) | (0x80 if i + 1 == len(parts) else 0) | (sequence + i) & 63]) + part, **kw)
            for i, part in enumerate(parts)]


def request(function, objects=b"", sequence=0, **kw):
    return b"".join(segments(bytes([0xc0 | sequence & 15, function]) + objects, sequence, **kw))


def response(objects=b"", indications=0, sequence=0, function=RESPONSE, control=0xc0, **kw):
    return b"".join(segments(bytes([control | sequence & 15, function]) + struct.pack(">H", indications) + objects, sequence,
                             master=False, dst=1, src=10, **kw))


def header(group, variation, qualifier, rest=b""):
    return bytes([group, variation, qualifier]) + rest


CLASSES = b"".join(header(60, v, 6) for v in (2, 3, 4, 1))
CROB = struct.pack("<BBIIB", 3, 1, 100, 200, 0)
