"""DNP3: frames, segments, qualifiers of every kind, over TCP and UDP."""
import random
import struct

import dnp3_talk as d
import pytest
from packets import CLIENT, SERVER, Clock, ends, first_comes_last, tcp_session
from scapy.all import UDP, Raw

LOG = ["--set", "eve.types.dnp3.enabled=yes"]
RULES = """
alert dnp3 any any -> any any (dnp3_obj:12,1; sid:1;)
alert dnp3 any any -> any any (dnp3_func:direct_operate; sid:2;)
alert dnp3 any any -> any any (dnp3_ind:device_restart; sid:3;)
alert dnp3 any any -> any any (dnp3_data; content:"MAGIC"; sid:4;)
"""


def run(inspect, turns, rules=RULES, options=(), **kw):
    return inspect(tcp_session(turns, dport=d.PORT, **kw), rules, [*LOG, *options])


def messages(result):
    return [e["dnp3"]["application"] for e in result.events("dnp3")]


def events(result):
    return sorted(a["anomaly"]["event"] for a in result.events("anomaly") if a["anomaly"].get("layer") == "proto_parser")


def objects(result):
    return [(o["group"], o["variation"]) for message in messages(result) for o in message.get("objects", [])]


CROB = d.header(12, 1, 0x28, struct.pack("<HH", 1, 7) + d.CROB)


def test_operate(inspect):
    """Select, operate, direct operate; confirms; events of all classes; a restart."""
    turns = [("c", d.request(d.SELECT, CROB, 1)), ("s", d.response(CROB, 0x0080, 1)), ("c", d.request(d.DIRECT, CROB, 2)),
             ("s", d.response(CROB, 0, 2, control=0xe0)), ("c", d.request(0, b"", 2)), ("c", d.request(d.READ, d.CLASSES, 3)),
             ("s", d.response(d.header(1, 1, 0, b"\0\x0a") + b"\xff\7" + d.header(3, 1, 0, b"\0\4") + b"\x1b\1", 0, 3))]
    result = run(inspect, turns)
    assert events(result) == [] and {1, 2} <= set(result.sids())
    assert len(messages(result)) == 6  # confirms are not written
    last = messages(result)[-1]["objects"]
    assert [p["state"] for p in last[0]["points"]] == [1] * 11
    assert [p["state"] for p in last[1]["points"]] == [3, 2, 1, 0, 1]


QUALIFIERS = {
    "all": (6, b"", b""), "8 bit range": (0, b"\1\2", b""), "16 bit range": (1, b"\1\0\2\0", b""),
    "32 bit range": (2, bytes([1, 0, 0, 0, 2, 0, 0, 0]), b""), "addresses": (3, b"\1\2", b""),
    "8 bit count": (7, b"\2", b""), "16 bit count": (8, b"\2\0", b""), "32 bit count": (9, b"\2\0\0\0", b""),
    "8 bit indexes": (0x17, b"\2", b"\5\7"), "16 bit indexes": (0x28, b"\2\0", b"\5\0\7\0"),
    "32 bit indexes": (0x39, b"\2\0\0\0", b"\5\0\0\0\7\0\0\0"),
}


@pytest.mark.parametrize("how", QUALIFIERS)
@pytest.mark.parametrize("function,variation", [(d.READ, 0), (d.READ, 5), (d.FREEZE, 0), (d.ASSIGN, 0), (d.ENABLE, 1)])
def test_names_without_data(inspect, how, function, variation):
    """What only names points has no data; the objects behind are found."""
    code, rest, indexes = QUALIFIERS[how]
    message = d.header(20, variation, code, rest + indexes) + d.header(60, 2, 6) + d.header(12, 1, 6)
    result = run(inspect, [("c", d.request(function, message))])
    assert events(result) == [] and objects(result) == [(20, variation), (60, 2), (12, 1)] and result.sids() == [1]


@pytest.mark.parametrize("how", [h for h in QUALIFIERS if h != "all"])
def test_data(inspect, how):
    """The same with data: analog inputs of 16 bits, with an index each where that is said."""
    code, rest, indexes = QUALIFIERS[how]
    size = len(indexes) // 2
    points = b"".join(indexes[i * size:(i + 1) * size] + struct.pack("<h", value) for i, value in enumerate((-5, 300)))
    result = run(inspect, [("s", d.response(d.header(30, 4, code, rest) + points + d.header(60, 1, 6)))])
    assert events(result) == [] and objects(result) == [(30, 4), (60, 1)]
    assert [p["value"] for p in messages(result)[0]["objects"][0]["points"]] == [-5, 300]


def test_unknown_objects(inspect):
    """Of a size that is said they are stepped over; else nothing behind them is known."""
    known = d.header(120, 1, 0x5b, b"\1\x06\0") + b"secret" + CROB
    result = run(inspect, [("c", d.request(d.DIRECT, known))])
    assert events(result) == ["unknown_object"] and 1 in result.sids()
    result = run(inspect, [("c", d.request(d.DIRECT, d.header(200, 1, 7, b"\1") + CROB))])
    assert events(result) == ["unknown_object"] and 1 not in result.sids()
    aggressive = d.header(120, 3, 7, b"\1") + bytes(6) + CROB + d.header(120, 9, 0x5b, b"\1\4\0") + b"hmac"
    assert 1 in run(inspect, [("c", d.request(d.OPERATE, aggressive))]).sids()


BAD = {
    "backwards": d.header(30, 4, 0, b"\5\1"), "all of 32 bit": d.header(30, 4, 2, b"\0\0\0\0\xff\xff\xff\xff"),
    "a billion": d.header(1, 1, 9, b"\0\0\0\x40"), "range of none": d.header(30, 4, 0x0a), "cut": d.header(30, 4, 0, b"\0"),
    "no points": d.header(30, 4, 0, b"\0\1") + b"\1", "size too large": d.header(70, 3, 0x5b, b"\1\xff\xff"),
}


@pytest.mark.parametrize("what", BAD)
def test_malformed(inspect, what):
    result = run(inspect, [("s", d.response(BAD[what])), ("c", d.request(d.DIRECT, CROB))])
    assert len(events(result)) == 1 and events(result)[0] in ("malformed", "too_many_points")
    assert {1, 2} <= set(result.sids())


@pytest.mark.parametrize("segment", [1, 13, 1400])
def test_segments(inspect, segment):
    """A message of many frames, whatever the segments of TCP are; the word straddles a block, a frame."""
    text = b"x" * 240 + b"MAGIC" + b"y" * 3000 + b"MAGIC"
    message = d.header(110, 255, 0x28, struct.pack("<H", len(text) // 255 + 1)) + b"".join(
        struct.pack("<H", i) + text[at:at + 255].ljust(255) for i, at in enumerate(range(0, len(text), 255)))
    result = run(inspect, [("s", d.response(message, 0x0080)), ("c", d.request(d.DIRECT, CROB))], segment=segment)
    assert events(result) == [] and {1, 2, 4} <= set(result.sids()) and len(messages(result)) == 2


def parts(text=b"MAGIC", sequence=0):
    return d.segments(b"\xc0\x01" + d.header(110, len(text), 7, b"\1") + text, sequence, size=4)


def test_segments_out_of_sequence(inspect):
    """One twice, one missing, one from another message, a first one in between."""
    good = d.request(d.DIRECT, CROB)
    for broken in (parts()[:1] + parts()[2:], parts()[1:], parts()[:2] + parts(sequence=9)[2:], parts()[:2] * 2):
        result = run(inspect, [("c", b"".join(broken) + good)])
        assert events(result) == [] and 4 not in result.sids() and 2 in result.sids()
    wraps = run(inspect, [("c", b"".join(parts(sequence=62)))])
    assert 4 in wraps.sids()


def test_too_long(inspect):
    """A message that never ends is given up, with an event."""
    endless = [d.frame(bytes([(0x40 if i == 0 else 0) | i & 63]) + b"z" * 249) for i in range(200)]
    result = run(inspect, [("c", b"".join(endless)), ("c", d.request(d.DIRECT, CROB))])
    assert events(result) == ["too_long_reassembly"] and 2 in result.sids()


def spoiled(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


@pytest.mark.parametrize("at,event", [(4, "bad_link_crc"), (8, "bad_link_crc"), (14, "bad_transport_crc"), (-1, "bad_transport_crc")])
def test_checksums(inspect, at, event):
    good = d.request(d.DIRECT, CROB)
    bad = spoiled(good, at % len(good))
    result = run(inspect, [("c", good), ("c", bad), ("c", good)])
    assert events(result) == [event] and result.sids().count(2) == 2
    result = run(inspect, [("c", good + b"\x05\x05\x64" + b"noise" + good)])
    assert result.sids().count(2) == 2


def test_link_only(inspect):
    """Frames without user data are no messages."""
    links = b"".join(d.frame(b"", control=c) for c in (0x40, 0x49, 0x42))
    result = run(inspect, [("c", links + d.request(d.READ, d.CLASSES)), ("s", d.frame(b"", False, 0x0b))])
    assert events(result) == [] and len(messages(result)) == 1
    assert events(run(inspect, [("c", d.request(d.READ, d.CLASSES) + d.frame(b""))])) == ["len_too_small"]


def test_files(inspect):
    """Opening, reading and closing a file."""
    name = b"/etc/MAGIC.cfg"
    info = struct.pack("<HHIHHIIHHH", 26, len(name), 0, 0, 0x1ff, 0, 1000, 1, 1024, 5) + name
    turns = [("c", d.request(25, d.header(70, 3, 0x5b, b"\1" + struct.pack("<H", len(info))) + info)),
             ("s", d.response(d.header(70, 4, 0x5b, b"\1\x0d\0") + struct.pack("<IIHHB", 7, 1000, 1024, 5, 0))),
             ("c", d.request(d.READ, d.header(70, 5, 0x5b, b"\1\x08\0") + struct.pack("<II", 7, 0))),
             ("s", d.response(d.header(70, 5, 0x5b, b"\1\x10\0") + struct.pack("<II", 7, 0) + b"contents"))]
    result = run(inspect, turns)
    assert events(result) == [] and objects(result) == [(70, 3), (70, 4), (70, 5), (70, 5)] and 4 in result.sids()
    assert messages(result)[0]["objects"][0]["points"][0]["filename"] == name.decode()


@pytest.mark.parametrize("first", ["c", "s"])
def test_udp(inspect, first):
    """Datagrams; an outstation that speaks first is the server all the same."""
    clock, out = Clock(), []
    turns = [("c", d.request(d.DIRECT, CROB, 1)), ("s", d.response(CROB, 0x0080, 1)), ("c", b"".join(parts()[:2])),
             ("c", b"".join(parts()[2:])), ("c", b"\x05\x64\xff"), ("c", b"nothing of it"), ("c", d.request(d.READ, d.CLASSES, 3))]
    if first == "s":
        turns.insert(0, ("s", d.response(b"", 0x0080, function=d.UNSOLICITED)))
    for who, data in turns:
        src, dst, sport, dport = (CLIENT, SERVER, 40000, d.PORT) if who == "c" else (SERVER, CLIENT, d.PORT, 40000)
        out.append(clock.stamp(ends(src, dst) / UDP(sport=sport, dport=dport) / Raw(data)))
    result = inspect(out, RULES, LOG)
    assert {1, 2, 4} <= set(result.sids()) and len(messages(result)) == len(turns) - 3
    assert all(e["dest_port"] == d.PORT for e in result.events("flow"))


def test_many_objects(inspect):
    """As many headers as a message holds: no rule pays for it more than once."""
    message = d.header(60, 2, 6) * 1900 + d.header(12, 1, 6)
    rules = "".join(f"alert dnp3 any any -> any any (dnp3_obj:{n % 250},9; sid:{100 + n};)\n" for n in range(300))
    result = run(inspect, [("c", d.request(d.READ, message))] * 30, RULES + rules)
    assert result.sids().count(1) == 30


def test_many(inspect):
    """Hours of polling, a message a segment."""
    turns = []
    for n in range(3000):
        turns += [("c", d.request(d.READ, d.CLASSES, n)), ("s", d.response(d.header(30, 4, 0, b"\0\1") + b"\1\0\2\0", 0, n))]
    result = run(inspect, turns)
    assert len(messages(result)) == 6000 and events(result) == []


def test_burst(inspect):
    """A late segment brings thousands of messages at once: all of them are looked at."""
    many = b"".join(d.request(d.READ, d.header(60, 1, 6), n) for n in range(2000)) + d.request(d.DIRECT, CROB)
    result = inspect(first_comes_last(tcp_session([("c", d.request(d.READ, d.CLASSES)), ("c", many)], dport=d.PORT)), RULES, LOG)
    assert result.sids() == [1, 2] and len(messages(result)) == 2002 and events(result) == []


def test_garbage(inspect):
    rng = random.Random(5)
    for _ in range(20):
        turns = [("c", d.request(d.READ, d.CLASSES))]
        for _ in range(40):
            noise = rng.randbytes(rng.choice((1, 9, 10, 60, 240)))
            turns.append((rng.choice("cs"), rng.choice((noise, d.frame(b"\xc0" + noise), d.response(noise), d.request(rng.randrange(
                140), noise)))))
        assert run(inspect, turns).status == 0
