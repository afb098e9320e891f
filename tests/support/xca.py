"""Encoders of MS-XCA for the tests: greedy, simple, and none of them the one that is tested (dataplane/base/xca.c)."""
import struct


def matches(data, far, longest):
    """Literals (int) and matches (distance, length)."""
    at, seen = 0, {}
    while at < len(data):
        key, best = data[at:at + 3], 0
        before = seen.get(key)
        if len(key) == 3 and before is not None and at - before <= far:
            best = 3
            while best < longest and at + best < len(data) and data[before + best] == data[at + best]:
                best += 1
        yield (at - before, best) if best else data[at]
        for i in range(at, at + (best or 1)):
            seen[data[i:i + 3]] = i
        at += best or 1


def lznt1(data):
    out = b""
    for begin in range(0, len(data), 4096):
        chunk, at, items, flags = data[begin:begin + 4096], 0, [], []
        for one in matches(chunk, 16, 18):  # a distance that may stand anywhere in the chunk
            if isinstance(one, int):
                items.append(bytes([one]))
                flags.append(0)
                at += 1
                continue
            distance, length = one
            bits = 12 - max(0, (at - 1).bit_length() - 4)
            items.append(struct.pack("<H", (distance - 1) << bits | min(length, (1 << bits) + 2) - 3))
            flags.append(1)
            at += length
        packed = b"".join(bytes([sum(f << k for k, f in enumerate(flags[i:i + 8]))]) + b"".join(items[i:i + 8])
                          for i in range(0, len(items), 8))
        if len(packed) < len(chunk):
            out += struct.pack("<H", 0xb000 | len(packed) - 1) + packed
        else:
            out += struct.pack("<H", 0x3000 | len(chunk) - 1) + chunk
    return out


def more(length, least):
    """What stands behind a length of `least` or more: a byte, or that and two or four."""
    if length - least < 255:
        return bytes([length - least])
    return b"\xff" + (struct.pack("<H", length) if length < 65536 else b"\0\0" + struct.pack("<I", length))


def lz77(data):
    out, flags, count, place, half = bytearray(4), 0, 0, 0, None

    def flag(bit):
        nonlocal flags, count, place
        if count == 32:
            out[place:place + 4] = struct.pack("<I", flags)
            flags, count, place = 0, 0, len(out)
            out.extend(bytes(4))
        flags |= bit << (31 - count)
        count += 1
    for one in matches(data, 8192, 1 << 20):
        flag(0 if isinstance(one, int) else 1)
        if isinstance(one, int):
            out.append(one)
            continue
        distance, length = one[0], one[1] - 3
        out += struct.pack("<H", distance - 1 << 3 | min(length, 7))
        if length < 7:
            continue
        nibble = min(length - 7, 15)
        if half is None:
            half = len(out)
            out.append(nibble)
        else:
            out[half] |= nibble << 4
            half = None
        if nibble == 15:
            out += more(length, 22)
    while count < 32:
        flag(1)
    out[place:place + 4] = struct.pack("<I", flags)
    return bytes(out)


class Bits:
    """Words of 16 bits where the decoder asks for them."""

    def __init__(self, out):
        self.out, self.bits, self.extra = out, [], 16
        self.words = []
        self.word()
        self.word()

    def word(self):
        self.words.append(len(self.out))
        self.out.extend(b"\0\0")

    def put(self, value, count):
        self.bits += [value >> (count - 1 - i) & 1 for i in range(count)]
        self.extra -= count
        if self.extra < 0:
            self.word()
            self.extra += 16

    def end(self):
        for i, at in enumerate(self.words):
            word = self.bits[16 * i:16 * i + 16]
            self.out[at:at + 2] = struct.pack("<H", int("".join(map(str, word)).ljust(16, "0") or "0", 2))


def huffman(data):
    """All codes are of nine bits; the last match of a block may go beyond its 65,536 bytes."""
    out = bytearray()
    items, at, begin = [[]], 0, 0
    for one in matches(data, 32768, 65000):
        if at - begin >= 65536:
            items.append([])
            begin = at
        items[-1].append(one)
        at += 1 if isinstance(one, int) else one[1]
    for block in items:
        out += b"\x99" * 256
        bits = Bits(out)
        for one in block:
            if isinstance(one, int):
                bits.put(one, 9)
                continue
            distance, length = one[0], one[1] - 3
            size = distance.bit_length() - 1
            bits.put(256 + size * 16 + min(length, 15), 9)
            if length >= 15:
                out += more(length, 15)
            bits.put(distance - (1 << size), size)
        bits.end()
    return bytes(out)
