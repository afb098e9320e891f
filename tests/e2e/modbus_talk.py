"""Modbus over TCP for the tests (MODBUS Application Protocol 1.1b3, Messaging on TCP/IP 1.0b)."""
import struct

PORT = 502


def adu(number, function, body=b"", unit=1, protocol=0, length=None):
    data = bytes([unit, function]) + body
    return struct.pack(">HHH", number, protocol, len(data) if length is None else length) + data


def two(a, b):
    return struct.pack(">HH", a, b)


def write_several(address, values):
    """Of registers."""
    return two(address, len(values)) + bytes([2 * len(values)]) + b"".join(struct.pack(">H", v) for v in values)


def write_coils(address, bits):
    data = bytes(sum(bit << i for i, bit in enumerate(bits[at:at + 8])) for at in range(0, len(bits), 8))
    return two(address, len(bits)) + bytes([len(data)]) + data


def read_write(read, count, address, values):
    return two(read, count) + write_several(address, values)


# Function, request, response: one of each.
EXCHANGES = [
    (1, two(0, 9), b"\2\xff\1"), (2, two(0, 2000), b"\xfa" + bytes(250)), (3, two(0, 125), b"\xfa" + bytes(250)),
    (4, two(65535, 1), b"\2\0\0"), (5, two(3, 0xff00), two(3, 0xff00)), (6, two(3, 7), two(3, 7)), (7, b"", b"\0"),
    (8, two(0, 0x1234), two(0, 0x1234)), (11, b"", two(0, 5)), (12, b"", b"\x08" + bytes(8)),
    (15, write_coils(16, [1, 0] * 5), two(16, 10)), (16, write_several(1, [10, 20]), two(1, 2)),
    (17, b"", b"\3\1\xff\0"), (20, b"\7\6\0\4\0\1\0\2", b"\6\5\6\0\0\0\0"), (21, b"\x09\6\0\4\0\1\0\1\0\1", b"\x09\6\0\4\0\1\0\1\0\1"),
    (22, two(4, 0xf2) + b"\0\x25", two(4, 0xf2) + b"\0\x25"), (23, read_write(3, 2, 14, [1, 2, 3]), b"\4" + bytes(4)),
    (24, two(0x4de, 0)[:2], b"\0\6\0\2\1\xb8\x12\x84"),
    (43, b"\x0e\1\0", b"\x0e\1\1\0\0\1\0\5Maker"),
]
