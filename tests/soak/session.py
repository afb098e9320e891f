"""A TCP session as a capture, made fast: a million segments in seconds."""
import struct

CLIENT, SERVER = bytes((10, 0, 0, 1)), bytes((192, 0, 2, 1))


def frame(seq, ack, flags, data, to_server, port):
    """A TCP segment in raw IPv4, checksums left out."""
    src, dst, sport, dport = (CLIENT, SERVER, 40000, port) if to_server else (SERVER, CLIENT, port, 40000)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0x4000, 64, 6, 0, src, dst)
    return ip + struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, 0x50, flags, 65535, 0, 0) + data


def capture(path, turns, port=80, segment=1400):
    """One session: turns are (to_server, bytes); every segment is acknowledged."""
    sent, us = [1, 1], 0
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))

        def put(packet):
            nonlocal us
            us += 10
            f.write(struct.pack("<IIII", 1700000000 + us // 1000000, us % 1000000, len(packet), len(packet)) + packet)
        put(frame(0, 0, 2, b"", True, port))
        put(frame(0, 1, 18, b"", False, port))
        put(frame(1, 1, 16, b"", True, port))
        for to_server, data in turns:
            own = 0 if to_server else 1
            for at in range(0, len(data), segment):
                piece = data[at:at + segment]
                put(frame(sent[own], sent[1 - own], 24, piece, to_server, port))
                sent[own] += len(piece)
                put(frame(sent[1 - own], sent[own], 16, b"", not to_server, port))
        put(frame(sent[0], sent[1], 17, b"", True, port))
        put(frame(sent[1], sent[0] + 1, 17, b"", False, port))
        put(frame(sent[0] + 1, sent[1] + 1, 16, b"", True, port))
