"""Modbus: every function, pipelines, what is lost, floods, and what rules compare."""
import random

import modbus_talk as m
import pytest
from packets import CLIENT, first_comes_last, tcp_session

LOG = ["--set", "eve.types.modbus.enabled=yes"]
EVENTS = ["unsolicited_response", "invalid_function_code", "invalid_length", "invalid_value", "invalid_exception_code",
          "value_mismatch", "flooded", "invalid_protocol_id"]


def rules(**bodies):
    return "".join(f"alert modbus any any -> any any ({body} sid:{sid[1:]};)\n" for sid, body in bodies.items())


def run(inspect, turns, text="", options=(), **kw):
    return inspect(tcp_session(turns, dport=m.PORT, **kw), text, [*LOG, *options])


def records(result):
    return [r["modbus"] for r in result.events("modbus")]


def events(result):
    return sorted(a["anomaly"]["event"] for a in result.events("anomaly") if a["anomaly"].get("layer") == "proto_parser")


@pytest.mark.parametrize("segment", [1, 5, 1400])
def test_functions(inspect, segment):
    """One of each, all requests in one go, answers in reverse."""
    asked = [m.adu(n, function, ask) for n, (function, ask, _) in enumerate(m.EXCHANGES)]
    told = [m.adu(n, function, tell) for n, (function, _, tell) in enumerate(m.EXCHANGES)]
    result = run(inspect, [("c", b"".join(asked)), ("s", b"".join(reversed(told)))], segment=segment)
    assert events(result) == []
    assert sorted((r["request"]["function_raw"], r["response"]["function_raw"]) for r in records(result)) == [
        (function, function) for function, *_ in m.EXCHANGES]


@pytest.mark.parametrize("code,event", [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (8, 1), (9, 1), (10, 0), (11, 0), (12, 1),
                                        (0, 1)])
def test_exceptions(inspect, code, event):
    result = run(inspect, [("c", m.adu(1, 3, m.two(0, 1))), ("s", m.adu(1, 0x83, bytes([code])))])
    assert records(result)[0]["response"]["exception"]["raw"] == code
    assert events(result) == ["invalid_exception_code"] * event


RANGES = {
    "modbus:unit 7;": (m.adu(1, 3, m.two(0, 1), 7), m.adu(1, 3, m.two(0, 1), 8)),
    "modbus:unit 5<>7;": (m.adu(1, 3, m.two(0, 1), 6), m.adu(1, 3, m.two(0, 1), 7)),
    "modbus:function 23;": (m.adu(1, 23, m.read_write(3, 2, 14, [1])), m.adu(1, 22, bytes(6))),
    "modbus:function 8, subfunction 4;": (m.adu(1, 8, m.two(4, 0)), m.adu(1, 8, m.two(1, 0))),
    "modbus:function user;": (m.adu(1, 65, b"x"), m.adu(1, 64, b"x")),
    "modbus:function reserved;": (m.adu(1, 8, m.two(5, 0)), m.adu(1, 8, m.two(4, 0))),
    "modbus:access read coils, address 9;": (m.adu(1, 1, m.two(0, 9)), m.adu(1, 1, m.two(0, 8))),
    "modbus:access read input, address 65535;": (m.adu(1, 4, m.two(65500, 35)), m.adu(1, 4, m.two(65500, 34))),
    "modbus:access write holding, address >65530;": (m.adu(1, 16, m.write_several(65530, [1, 2, 3, 4, 5, 6])),
                                                     m.adu(1, 16, m.write_several(65520, [1, 2]))),
    "modbus:access write holding, address >65534;": (m.adu(1, 6, m.two(65535, 1)), m.adu(1, 6, m.two(65530, 1))),
    "modbus:access write holding, address 3, value 20;": (m.adu(1, 16, m.write_several(1, [10, 20])),
                                                          m.adu(1, 16, m.write_several(1, [20, 10]))),
    "modbus:access write holding, address 16, value 1<>3;": (m.adu(1, 23, m.read_write(3, 2, 14, [9, 2])),
                                                             m.adu(1, 23, m.read_write(3, 2, 14, [2, 3]))),
    "modbus:access write coils, address 19, value 1;": (m.adu(1, 15, m.write_coils(16, [0, 0, 1])),
                                                        m.adu(1, 15, m.write_coils(16, [1, 1, 0]))),
    "modbus:access write coils, address 4, value 1;": (m.adu(1, 5, m.two(3, 0xff00)), m.adu(1, 5, m.two(3, 0))),
}


@pytest.mark.parametrize("rule", RANGES)
def test_keyword(inspect, rule):
    yes, no = RANGES[rule]
    assert run(inspect, [("c", yes)], rules(s1=rule)).sids() == [1]
    assert run(inspect, [("c", no)], rules(s1=rule)).sids() == []


BAD = [
    (m.adu(1, 3, m.two(0, 0)), ["invalid_value"]), (m.adu(1, 3, m.two(0, 126)), ["invalid_value"]),
    (m.adu(1, 1, m.two(0, 2001)), ["invalid_value"]), (m.adu(1, 5, m.two(0, 1)), ["invalid_value"]),
    (m.adu(1, 16, m.two(0, 2) + b"\3abc"), ["invalid_value"]), (m.adu(1, 3, b"\0"), ["invalid_length"]),
    (m.adu(1, 3, m.two(0, 1) + b"x"), ["invalid_length"]), (m.adu(1, 0), ["invalid_function_code"]),
    (m.adu(1, 3, m.two(0, 1), protocol=1), ["invalid_protocol_id"]),
]


@pytest.mark.parametrize("segment", [1, 1400])
@pytest.mark.parametrize("data,want", BAD)
def test_wrong(inspect, segment, data, want):
    """Behind a good one; the good one behind it is seen, too."""
    good = m.adu(9, 6, m.two(3, 7))
    result = run(inspect, [("c", good + data + good)], rules(s1="modbus:access write holding, address 4, value 7;"), segment=segment)
    assert events(result) == want and result.sids() == [1, 1] and len(records(result)) == 3


@pytest.mark.parametrize("segment", [1, 100, 1400])
@pytest.mark.parametrize("length", [0, 1, 255, 300, 2000])
def test_length_out_of_bounds(inspect, segment, length):
    """What such a message says it has is left out, however it is cut."""
    good = m.adu(9, 6, m.two(3, 7))
    bad = b"\0\1\0\0" + length.to_bytes(2, "big") + bytes(length)
    result = run(inspect, [("c", good), ("c", bad + good)], rules(s1="modbus:access write holding, address 4, value 7;"),
                 segment=segment)
    assert events(result) == ["invalid_length"] and result.sids() == [1, 1] and len(records(result)) == 3


def test_mismatch(inspect):
    """Answers that contradict the request."""
    turns = [("c", m.adu(1, 3, m.two(0, 2))), ("s", m.adu(1, 3, b"\2\0\0")), ("c", m.adu(2, 6, m.two(3, 7))),
             ("s", m.adu(2, 6, m.two(3, 8))), ("c", m.adu(3, 16, m.write_several(1, [1]))), ("s", m.adu(3, 16, m.two(1, 2)))]
    assert events(run(inspect, turns)) == ["value_mismatch"] * 3
    for tell in (m.adu(2, 3, b"\2\0\0"), m.adu(1, 4, b"\2\0\0"), m.adu(1, 3, b"\2\0\0", unit=2)):
        assert "unsolicited_response" in events(run(inspect, [("c", m.adu(1, 3, m.two(0, 1))), ("s", tell)]))


def test_one_side(inspect):
    """Thousands of requests whose answers are not seen: all of them are looked at."""
    turns = [("c", m.adu(n % 65536, 3, m.two(n, 1))) for n in range(3000)] + [("c", m.adu(1, 5, m.two(3, 0xff00)))]
    packets = [p for p in tcp_session(turns, dport=m.PORT) if p["IP"].src == CLIENT]
    result = inspect(packets, rules(s1="modbus:access write coils;"),
                     [*LOG, "--set", "stream.midstream=yes", "--set", "stream.async_oneside=yes"])
    assert result.sids() == [1] and len(records(result)) == 3001
    assert events(result) == ["flooded"]


def test_burst(inspect):
    """A late segment brings thousands of requests at once: all of them are looked at."""
    many = b"".join(m.adu(n, 3, m.two(n, 1)) for n in range(4000)) + m.adu(1, 5, m.two(3, 0xff00))
    result = inspect(first_comes_last(tcp_session([("c", m.adu(1, 7)), ("c", many)], dport=m.PORT)),
                     rules(s1="modbus:access write coils;"), LOG)
    assert result.sids() == [1] and len(records(result)) == 4002 and events(result) == ["flooded"]


def test_many(inspect):
    """A poller over hours: thousands of exchanges, the number wraps, one answer in ten is missing."""
    turns = []
    for n in range(4000):
        turns.append(("c", m.adu((65000 + n) % 65536, 3, m.two(n, 1))))
        if n % 10:
            turns.append(("s", m.adu((65000 + n) % 65536, 3, b"\2\0\1")))
    result = run(inspect, turns)
    assert len([r for r in records(result) if "response" in r]) == 3600 and events(result) == []


def test_loss(inspect):
    """Segments are missing, one in the middle of a message."""
    packets = tcp_session([("c", m.adu(n, 3, m.two(n, 1))) for n in range(60)], dport=m.PORT, segment=7)
    data = [i for i, p in enumerate(packets) if len(p["TCP"].payload)]
    lost = set(data[10:80:16])
    result = inspect([p for i, p in enumerate(packets) if i not in lost], "", LOG)
    addresses = [r["request"]["read"]["address"] for r in records(result)]
    assert len(addresses) >= 60 - 2 * len(lost) and addresses == sorted(addresses) and events(result) == []


def test_garbage(inspect):
    rng = random.Random(3)
    for _ in range(20):
        turns = [("c", m.adu(1, 3, m.two(0, 1)))]
        for _ in range(40):
            noise = rng.randbytes(rng.choice((1, 5, 8, 100, 250)))
            turns.append((rng.choice("cs"), rng.choice((noise, m.adu(rng.randrange(9), rng.randrange(256), noise)))))
        assert run(inspect, turns).status == 0
