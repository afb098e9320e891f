# SPDX-License-Identifier: BSD-3-Clause
"""Frames on a small LAN, byte by byte: Ethernet, ARP, IPv4, UDP, TCP sessions, and a pcap writer.

No packages needed. All checksums are right. Everything random comes from the caller's generator.
"""
import struct

MSS = 1460


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_bytes(text):
    return bytes(int(part) for part in text.split("."))


class Wire:
    """Collects frames with their times; a host's MAC address follows from its IP address, what is
    not on the LAN is behind the router."""

    def __init__(self, rng, lan, router):
        self.rng, self.lan, self.router = rng, lan, router
        self.frames = []
        self.ident = {}

    def mac(self, ip):
        if not ip.startswith(self.lan):
            ip = self.router
        return b"\x02\x00" + ip_bytes(ip)

    def frame(self, when, dst_mac, src_mac, ether_type, body):
        data = dst_mac + src_mac + struct.pack(">H", ether_type) + body
        self.frames.append((when, len(self.frames), data.ljust(60, b"\0")))

    def ip(self, when, src, dst, proto, body, ttl=64):
        self.ident[src] = self.ident.get(src, self.rng.randrange(65536)) + 1 & 0xFFFF
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), self.ident[src], 0x4000, ttl, proto, 0)
        head += ip_bytes(src) + ip_bytes(dst)
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        self.frame(when, self.mac(dst), self.mac(src), 0x0800, head + body)

    def transport(self, when, src, dst, proto, body, at):
        pseudo = ip_bytes(src) + ip_bytes(dst) + struct.pack(">BBH", 0, proto, len(body))
        value = checksum(pseudo + body) or 0xFFFF
        ttl = 64 if src.startswith(self.lan) else 52
        self.ip(when, src, dst, proto, body[:at] + struct.pack(">H", value) + body[at + 2:], ttl)

    def udp(self, when, src, sport, dst, dport, payload):
        self.transport(when, src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload, 6)

    def arp(self, when, who, whose):
        ask = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + self.mac(who) + ip_bytes(who) + bytes(6) + ip_bytes(whose)
        tell = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + self.mac(whose) + ip_bytes(whose)
        self.frame(when, b"\xff" * 6, self.mac(who), 0x0806, ask)
        self.frame(when + 0.0003, self.mac(who), self.mac(whose), 0x0806, tell + self.mac(who) + ip_bytes(who))

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for when, _, data in sorted(self.frames):
                seconds = int(when)
                f.write(struct.pack("<IIII", seconds, int((when - seconds) * 1e6), len(data), len(data)))
                f.write(data)


class Tcp:
    """One TCP session; time moves on with what is sent."""

    def __init__(self, wire, when, client, sport, server, dport, rtt):
        self.wire, self.when, self.rtt = wire, when, rtt
        self.ends = ((client, sport), (server, dport))
        self.seq = [wire.rng.randrange(1 << 32), wire.rng.randrange(1 << 32)]
        options = b"\x02\x04\x05\xb4\x04\x02\x01\x03\x03\x08\x01\x01"
        self.segment(0, 0x02, options=options)
        self.seq[0] += 1
        self.when += rtt
        self.segment(1, 0x12, options=options)
        self.seq[1] += 1
        self.when += 0.0002
        self.segment(0, 0x10)

    def segment(self, side, flags, payload=b"", options=b""):
        (src, sport), (dst, dport) = self.ends[side], self.ends[1 - side]
        ack = self.seq[1 - side] & 0xFFFFFFFF if flags & 0x10 else 0
        window = 64240 if flags & 0x02 else 502 if side else 1026  # a SYN's is not scaled
        head = struct.pack(">HHIIBBHHH", sport, dport, self.seq[side] & 0xFFFFFFFF, ack,
                           (20 + len(options)) // 4 << 4, flags, window, 0, 0)
        self.wire.transport(self.when, src, dst, 6, head + options + payload, 16)
        self.seq[side] += len(payload)

    def send(self, side, data):
        """One side's message, in segments; the other acknowledges every second and the last."""
        self.when += self.rtt if side else 0.001
        pieces = [data[at:at + MSS] for at in range(0, len(data), MSS)]
        for i, piece in enumerate(pieces):
            last = i + 1 == len(pieces)
            self.segment(side, 0x18 if last else 0x10, piece)
            self.when += 0.00012
            if last or i % 2:
                self.segment(1 - side, 0x10)
        return self

    def client(self, data):
        return self.send(0, data)

    def server(self, data):
        return self.send(1, data)

    def wait(self, seconds):
        self.when += seconds
        return self

    def close(self, side=0):
        for one in (side, 1 - side):
            self.when += self.rtt / 2
            self.segment(one, 0x11)
            self.seq[one] += 1
        self.when += self.rtt / 2
        self.segment(side, 0x10)
        return self.when

    def reset(self, side=0):
        self.segment(side, 0x14)
        return self.when
