"""Packets for the tests: whole conversations with times, made with scapy."""
from scapy.all import DNS, DNSQR, DNSRR, IP, SCTP, TCP, UDP, Ether, Raw, SCTPChunkData

CLIENT, SERVER, RESOLVER = "10.0.0.10", "203.0.113.7", "10.0.0.1"
START = 1700000000.0


class Clock:
    """Times of packets: each a little later than the one before."""

    def __init__(self, start=START, step=0.001):
        self.now, self.step = start, step

    def stamp(self, packet):
        packet.time = self.now
        self.now += self.step
        return packet


def ends(src, dst):
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=src, dst=dst)


def dns_lookup(name, address, clock=None, client=CLIENT, resolver=RESOLVER, port=40000, ident=1):
    """A question and its answer."""
    clock = clock or Clock()
    ask = DNS(id=ident, rd=1, qd=DNSQR(qname=name))
    tell = DNS(id=ident, qr=1, rd=1, ra=1, qd=DNSQR(qname=name), an=DNSRR(rrname=name, ttl=60, rdata=address))
    return [clock.stamp(ends(client, resolver) / UDP(sport=port, dport=53) / ask),
            clock.stamp(ends(resolver, client) / UDP(sport=53, dport=port) / tell)]


def tcp_session(turns, clock=None, client=CLIENT, server=SERVER, sport=50000, dport=80, segment=1400,
                close=True):
    """A whole TCP connection. turns: [("c" or "s", bytes), …]; every segment is acknowledged."""
    clock = clock or Clock()
    seq = {"c": 1000, "s": 9000}
    out = []

    def send(side, flags, data=b""):
        other = "s" if side == "c" else "c"
        src, dst, sp, dp = (client, server, sport, dport) if side == "c" else (server, client, dport, sport)
        tcp = TCP(sport=sp, dport=dp, flags=flags, seq=seq[side], window=65535,
                  ack=seq[other] if "A" in flags else 0)
        out.append(clock.stamp(ends(src, dst) / tcp / Raw(data) if data else ends(src, dst) / tcp))
        seq[side] += len(data) + ("S" in flags or "F" in flags)

    send("c", "S")
    send("s", "SA")
    send("c", "A")
    for side, data in turns:
        for at in range(0, len(data), segment):
            send(side, "PA", data[at:at + segment])
            send("s" if side == "c" else "c", "A")
    if close:
        send("c", "FA")
        send("s", "FA")
        send("c", "A")
    return out


def http_get(host="www.example.com", path="/", agent="Mozilla/5.0", body=b"hello", clock=None, **kw):
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n".encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    return tcp_session([("c", request), ("s", answer)], clock, **kw)


def http_ranges(ranges, body, host="www.example.com", path="/", clock=None, **kw):
    """One connection that fetches parts of a body: ranges are (first, last) bytes."""
    turns = []
    for first, last in ranges:
        part = body[first:last + 1]
        turns.append(("c", f"GET {path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes={first}-{last}\r\n\r\n".encode()))
        turns.append(("s", b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n"
                      % (first, last, len(body), len(part)) + part))
    return tcp_session(turns, clock, **kw)


def sctp_turns(turns, clock=None, sport=50000, dport=80, chunk=1000):
    """turns as above. An association met midway: a packet for each chunk of data, the last two
    of a turn in the wrong order."""
    clock = clock or Clock()
    sides, tsn, packets = ((CLIENT, SERVER, sport, dport), (SERVER, CLIENT, dport, sport)), [7, 9], []
    for who, data in turns:
        side = int(who == "s")
        src, dst, sp, dp = sides[side]
        new = []
        for at in range(0, len(data), chunk):
            new.append(ends(src, dst) / SCTP(sport=sp, dport=dp, tag=side + 1) / SCTPChunkData(
                tsn=tsn[side], stream_id=1, data=data[at:at + chunk], beginning=at == 0, ending=at + chunk >= len(data)))
            tsn[side] += 1
        if len(new) > 2:
            new[-2:] = new[:-3:-1]
        packets += [clock.stamp(p) for p in new]
    return packets


def first_comes_last(packets, client=CLIENT):
    """The client's first data comes behind all its other data, which nobody has acknowledged by then."""
    data = [i for i, p in enumerate(packets) if p["IP"].src == client and len(p["TCP"].payload)]
    first, last = packets[data[0]], packets[data[-1]]
    first.time = last.time + 0.0001
    between = [p for p in packets[data[0] + 1:data[-1]] if p["IP"].src == client]
    return packets[:data[0]] + between + [last, first] + packets[data[-1] + 1:]
