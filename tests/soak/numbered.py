"""Numbered packets through a wire: each a flow of its own, that carries its number and the time at which it was sent."""
import os
import struct

FLOWS_A_HOST = 60000
RULE = 'alert udp any any -> any 9999 (msg:"numbered"; content:"number "; sid:{};)\n'
SENDER = """
import os, socket, struct, sys, time
inside, stop, rate, out = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((inside, 0))
def frame(i):
    data = b"number %08d %020d" % (i, time.time_ns())
    udp = struct.pack("!HHHH", 1024 + i % FLOWS, 9999, 8 + len(data), 0) + data
    src = bytes([10, 9, 1 + i // FLOWS, 1])
    ip = struct.pack("!BBHHHBBH4s4s", 69, 0, 20 + len(udp), i & 65535, 0, 64, 17, 0, src, bytes([10, 9, 0, 2]))
    total = sum(struct.unpack("!10H", ip))
    while total >> 16: total = (total & 65535) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~total & 65535) + ip[12:]
    return b"\\2\\0\\0\\0\\0\\2\\2\\0\\0\\0\\0\\1\\10\\0" + ip + udp
start, i = time.monotonic(), 0
while not os.path.exists(stop):
    s.send(frame(i))
    i += 1
    time.sleep(max(0, start + i / rate - time.monotonic()))
open(out, "w").write(str(i))
""".replace("FLOWS", str(FLOWS_A_HOST))
# The kernel says when a frame came (SO_TIMESTAMPNS), so that the receiver's own waiting is not in it.
RECEIVER = """
import os, socket, struct, sys
inside, end, out = sys.argv[1], sys.argv[2], sys.argv[3]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
s.setsockopt(socket.SOL_SOCKET, 35, 1)
s.bind((inside, 3))
s.settimeout(0.2)
f = open(out, "wb")
open(out + ".ready", "w")
while not os.path.exists(end):
    try: b, aux, _, a = s.recvmsg(2048, 256)
    except TimeoutError: continue
    if a[2] == 4 or b[42:49] != b"number ": continue
    for level, kind, d in aux:
        if level == socket.SOL_SOCKET and kind == 35:
            sec, ns = struct.unpack("=qq", d[:16])
            f.write(struct.pack("=QQQ", int(b[49:57]), int(b[58:78]), sec * 1000000000 + ns))
"""


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def touch(path):
    with open(path, "w", encoding="utf-8"):
        pass


class Stream:
    """From the host a to the host b, from now on until finish()."""

    def __init__(self, a, b, folder, rate):
        self.stop, self.end, self.folder = (os.path.join(folder, w) for w in ("stop", "end", ""))
        self.receiver = b.start("/usr/bin/python3", "-c", RECEIVER, b.inside, self.end, folder + "/came")
        while not os.path.exists(folder + "/came.ready"):
            if self.receiver.poll() is not None:
                raise AssertionError("the receiver does not start")
        self.sender = a.start("/usr/bin/python3", "-c", SENDER, a.inside, self.stop, str(rate), folder + "/sent")

    def finish(self, settle):
        """settle(): waits until what is under way has come. How many were sent, and a row for each that came, in their
        order: number, sent at, came at (ns)."""
        touch(self.stop)
        self.sender.wait(60)
        settle()
        touch(self.end)
        self.receiver.wait(60)
        sent = int(read(self.folder + "sent"))
        with open(self.folder + "came", "rb") as f:
            rows = list(struct.iter_unpack("=QQQ", f.read()))
        return sent, rows


def number_of(alert):
    """Of the packet that an alert is about."""
    return (int(alert["src_ip"].split(".")[2]) - 1) * FLOWS_A_HOST + alert["src_port"] - 1024


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else 0


def latency_text(rows):
    """p50 / p99 / p99.9 / max of rows, in microseconds, from the sender's send to the receiver's port."""
    us = [(came - sent) / 1000 for _, sent, came in rows]
    return " / ".join(f"{quantile(us, q):.0f}" for q in (0.5, 0.99, 0.999, 1))


def longest_gap_ms(rows):
    """The longest time in which no packet came although some were sent."""
    times = sorted(came for _, _, came in rows)
    return max((b - a for a, b in zip(times, times[1:])), default=0) / 1e6
