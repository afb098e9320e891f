"""Weeks of traffic as one capture, written fast, and what is true of it.

Times are whole microseconds since 1970, so that they can be compared without rounding.
"""
import collections
import datetime
import random
import socket
import struct

DAY = 86_400_000_000
START = 1_709_251_200_000_000  # 2024-03-01


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(src, dst, protocol, segment, checksum_at):
    """Ethernet, IPv4 and a TCP or UDP segment whose checksum is still zero."""
    src, dst = socket.inet_aton(src), socket.inet_aton(dst)
    pseudo = src + dst + struct.pack(">BBH", 0, protocol, len(segment))
    segment = segment[:checksum_at] + struct.pack(">H", checksum(pseudo + segment)) + segment[checksum_at + 2:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 1, 0, 64, protocol, 0, src, dst)
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0" + head + segment


def dns_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def iso(us):
    """As EVE writes times, in UTC."""
    at = datetime.datetime.fromtimestamp(us // 1_000_000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{us % 1_000_000:06d}+0000"


class History:
    """A capture in the making. truth: (client, kind, value) → times of all contacts, and the end."""

    def __init__(self, resolver="10.20.255.53"):
        self.packets, self.resolver, self.ports = [], resolver, collections.Counter()
        self.contacts, self.ends = collections.defaultdict(list), {}

    def add(self, us, data):
        self.packets.append((us, len(self.packets), data))

    def port(self, client):
        self.ports[client] += 1
        return 1024 + self.ports[client] % 60000

    def ask(self, us, client, name, address):
        """A question to DNS and its answer."""
        port = self.port(client)
        ident = port
        question = dns_name(name) + struct.pack(">HH", 1, 1)
        answer = struct.pack(">HHHIH4s", 0xc00c, 1, 1, 60, 4, socket.inet_aton(address))
        for at, src, dst, ports, body in (
                (us, client, self.resolver, (port, 53), struct.pack(">6H", ident, 0x100, 1, 0, 0, 0) + question),
                (us + 900, self.resolver, client, (53, port),
                 struct.pack(">6H", ident, 0x8180, 1, 1, 0, 0) + question + answer)):
            udp = struct.pack(">HHHH", *ports, 8 + len(body), 0) + body
            self.add(at, packet(src, dst, 17, udp, 6))
        self.contacts[client, "domain", name].append(us)
        self.connected(client, self.resolver, us, us + 900)

    def connected(self, client, server, first, last):
        key = client, "ip", server
        self.contacts[key].append(first)
        self.ends[key] = max(last, self.ends.get(key, 0))

    def get(self, us, client, name, server):
        """A whole HTTP conversation."""
        port, at = self.port(client), us
        request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        seq = {"c": us & 0xffffff, "s": 0x10000}
        for side, flags, body in (("c", 2, b""), ("s", 0x12, b""), ("c", 0x10, b""), ("c", 0x18, request),
                                  ("s", 0x18, answer), ("c", 0x10, b""), ("s", 0x11, b""), ("c", 0x11, b""),
                                  ("s", 0x10, b"")):
            other = "s" if side == "c" else "c"
            src, dst, ports = (client, server, (port, 80)) if side == "c" else (server, client, (80, port))
            tcp = struct.pack(">HHIIBBHHH", *ports, seq[side], seq[other] if flags & 0x10 else 0, 0x50, flags,
                              65535, 0, 0) + body
            if body == request:
                self.contacts[client, "domain", name].append(at)
            self.add(at, packet(src, dst, 6, tcp, 16))
            seq[side] += len(body) + (flags & 3 != 0)
            last, at = at, at + 1371
        self.connected(client, server, us, last)

    def visit(self, us, client, name, server):
        self.ask(us, client, name, server)
        self.get(us + 21_007, client, name, server)

    def write(self, path):
        """In the order of time; packets of one time as they were made."""
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for us, _, data in sorted(self.packets):
                f.write(struct.pack("<IIII", us // 1_000_000, us % 1_000_000, len(data), len(data)) + data)
        return str(path)

    def truth(self, kind, matches):
        """client → (first, last, count, days) of all contacts of the kind whose value matches."""
        times = collections.defaultdict(list)
        for (client, k, value), at in self.contacts.items():
            if k == kind and matches(value):
                times[client] += at
        return {c: (min(t), max(t), len(t), len({x // DAY for x in t})) for c, t in times.items()}


def background(history, clients, days, visits, seed):
    """Harmless names, each with a server of its own, at odd times of day."""
    dice = random.Random(seed)
    for day in range(days):
        for client in clients:
            for _ in range(visits):
                n = int(dice.paretovariate(0.7)) % 4000
                at = START + day * DAY + dice.randrange(DAY - 5_000_000)
                history.visit(at, client, f"www.site{n}.example.com", f"198.18.{n // 250}.{n % 250 + 1}")
