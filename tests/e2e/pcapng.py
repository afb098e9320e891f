"""Reads pcapng files (draft-ietf-opsawg-pcapng), little endian, times in nanoseconds."""
import struct
from typing import NamedTuple


class Packet(NamedTuple):
    interface: str
    link_type: int
    ns: int
    data: bytes
    wire_len: int
    comments: list
    ident: int


def options(raw):
    at = 0
    while at + 4 <= len(raw):
        code, length = struct.unpack_from("<HH", raw, at)
        if code == 0:
            return
        yield code, raw[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def read(path):
    """The packets of a file; fails if a block is not what the draft says."""
    with open(path, "rb") as f:
        raw = f.read()
    at, interfaces, packets = 0, [], []
    while at < len(raw):
        kind, length = struct.unpack_from("<II", raw, at)
        assert length % 4 == 0 and struct.unpack_from("<I", raw, at + length - 4)[0] == length
        body = raw[at + 8:at + length - 4]
        assert (kind == 0x0a0d0d0a) == (at == 0)
        if kind == 1:
            extra = dict(options(body[8:]))
            assert extra[9] == b"\x09"
            interfaces.append((extra[2].decode(), struct.unpack_from("<H", body)[0], extra.get(11, b"\0")[1:].decode()))
        elif kind == 6:
            number, high, low, kept, wire = struct.unpack_from("<IIIII", body)
            more = list(options(body[20 + (kept + 3) // 4 * 4:]))
            packets.append(Packet(interfaces[number][0], interfaces[number][1], high << 32 | low, body[20:20 + kept],
                                  wire, [v.decode() for c, v in more if c == 1],
                                  struct.unpack("<Q", dict(more)[5])[0]))
        at += length
    assert at == len(raw)
    return packets
