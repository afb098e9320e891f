"""SNMP 1, 2c and 3: messages of every kind, encodings that are unusual, and those that are wrong."""
import random

import pytest
from packets import CLIENT, SERVER, Clock, ends
from scapy.all import UDP, Raw

RULES = """
alert snmp any any -> any any (snmp.version:1; sid:1;)
alert snmp any any -> any any (snmp.community; content:"private"; sid:2;)
alert snmp any any -> any any (snmp.pdu_type:trap_v2; sid:3;)
alert snmp any any -> any any (snmp.usm; content:"admin"; sid:4;)
alert snmp any any -> any any (snmp.trap_type:enterprise_specific; sid:5;)
alert snmp any any -> any any (app-layer-event:snmp.malformed_data; sid:6;)
alert snmp any any -> any any (app-layer-event:snmp.version_mismatch; sid:7;)
alert snmp any any -> any any (app-layer-event:snmp.unknown_security_model; sid:8;)
"""
GET, NEXT, RESPONSE, SET, TRAP1, BULK, INFORM, TRAP2, REPORT = range(0xa0, 0xa9)


def ber(tag, *parts, long=0):
    """long: so many bytes for the length, needed or not."""
    data = b"".join(parts)
    n = max(long, (len(data).bit_length() + 7) // 8 if len(data) > 127 else 0)
    return bytes([tag, 0x80 | n]) + len(data).to_bytes(n, "big") + data if n else bytes([tag, len(data)]) + data


def integer(n):
    return ber(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def oid(text):
    a, b, *rest = (int(n) for n in text.split("."))
    out = b""
    for n in (a * 40 + b, *rest):
        part = bytes([n & 127])
        while n := n >> 7:
            part = bytes([n & 127 | 128]) + part
        out += part
    return ber(6, out)


def bind(name="1.3.6.1.2.1.1.1.0", value=b"\5\0"):
    return ber(0x30, oid(name), value)


def pdu(kind, *binds, error=0, index=0, number=77):
    return ber(kind, integer(number), integer(error), integer(index), ber(0x30, *(binds or (bind(),))))


def trap1(kind=6):
    return ber(TRAP1, oid("1.3.6.1.4.1.9"), ber(0x40, bytes([10, 0, 0, 9])), integer(kind), integer(3), ber(0x43, b"\1\0"),
               ber(0x30, bind()))


def message(body, version=1, community=b"public", **kw):
    return ber(0x30, integer(version), ber(4, community), body, **kw)


def message3(body, user=b"admin", flags=0, model=3):
    usm = ber(0x30, ber(4, b"\x80\0\0\0engine"), integer(5), integer(1000), ber(4, user), ber(4, b"\0" * 12), ber(4, b"\0" * 8))
    scoped = ber(4, b"\xaa" * 60) if flags & 2 else ber(0x30, ber(4, b"engine"), ber(4, b""), body)
    return ber(0x30, integer(3), ber(0x30, integer(1), integer(65507), ber(4, bytes([flags])), integer(model)), ber(4, usm), scoped)


def run(inspect, *datagrams, dport=161, rules=RULES):
    clock, packets = Clock(), []
    for one in datagrams:
        who, data = one if isinstance(one, tuple) else ("c", one)
        src, dst, sp, dp = (CLIENT, SERVER, 40000, dport) if who == "c" else (SERVER, CLIENT, dport, 40000)
        packets.append(clock.stamp(ends(src, dst) / UDP(sport=sp, dport=dp) / Raw(data)))
    return inspect(packets, rules)


def records(result):
    return [e["snmp"] for e in result.events("snmp")]


@pytest.mark.parametrize("kind,name", [(GET, "get_request"), (NEXT, "get_next_request"), (RESPONSE, "response"), (SET, "set_request"),
                                       (BULK, "get_bulk_request"), (INFORM, "inform_request"), (TRAP2, "trap_v2"),
                                       (REPORT, "report")])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_kinds(inspect, kind, name, version):
    body = pdu(kind, bind(), bind("1.3.6.1.4.1.4294967295.1"), bind("2.999.3"), error=10, index=20)
    data = message3(body) if version == 3 else message(body, version - 1)
    one = records(run(inspect, data, dport=162))[0]
    assert (one["version"], one["pdu_type"]) == (version, name)
    assert one["vars"] == ["1.3.6.1.2.1.1.1.0", "1.3.6.1.4.1.4294967295.1", "2.999.3"]


def test_traps(inspect):
    result = run(inspect, message(trap1(), 0, b"private"), message(pdu(TRAP2), 1), dport=162)
    assert set(result.sids()) == {1, 2, 3, 5, 7}
    one = records(result)[0]
    assert (one["trap_type"], one["trap_oid"], one["trap_address"]) == ("enterprise_specific", "1.3.6.1.4.1.9", "10.0.0.9")


def test_version_3(inspect):
    """Discovery without a user, clear, encrypted, of another model."""
    result = run(inspect, message3(pdu(GET), b"", 4), ("s", message3(pdu(REPORT), b"")), message3(pdu(GET), flags=5),
                 ("s", message3(b"", flags=7)), message3(pdu(GET), model=2))
    assert [r.get("pdu_type") for r in records(result)][:4] == ["get_request", "report", "get_request", "encrypted"]
    assert {4, 8} <= set(result.sids())


def test_unusual(inspect):
    """Long forms of lengths, a long community, a name of many numbers, many variables."""
    long_name = "1.3." + ".".join(str(n) for n in range(100, 200))
    result = run(inspect, message(pdu(GET), 1, b"private", long=4), message(pdu(GET), 1, b"c" * 1000),
                 message(pdu(RESPONSE, bind(long_name), *(bind(f"1.3.6.1.{n}", integer(-n)) for n in range(99)))),
                 message(pdu(RESPONSE, error=5, index=1)), message(pdu(GET), 1, b""), message(pdu(GET)) + b"behind it")
    assert len(records(result)) == 6 and set(result.sids()) == {2}
    assert records(result)[2]["vars"][0] == long_name and len(records(result)[2]["vars"]) == 100
    assert records(result)[3]["error"] == "GenErr"


BAD = {
    "cut": message(pdu(GET))[:-3], "a length too long": message(ber(GET, integer(1), integer(0), integer(0), b"\x30\x7f")),
    "a variable without a value": message(pdu(GET, ber(0x30, oid("1.3.6.1")))), "a variable without a name": message(pdu(GET, ber(
        0x30, integer(5), b"\5\0"))),
    "no list": message(ber(GET, integer(1), integer(0), integer(0))), "an unknown kind": message(pdu(0xa9)),
    "an indefinite length": b"\x30\x80" + integer(1) + ber(4, b"public") + pdu(GET) + b"\0\0", "nothing": b"\x30\0",
    "another version": message(pdu(GET), 2), "a negative error": message(pdu(RESPONSE, error=-1)),
    "a trap of an address of six": message(ber(TRAP1, oid("1.3.6"), ber(0x40, bytes(6)), integer(1), integer(1), ber(0x43, b"\1"),
                                               ber(0x30))),
}


@pytest.mark.parametrize("what", BAD)
def test_malformed(inspect, what):
    """In a flow that speaks it: an event, and the next datagram stands for itself."""
    result = run(inspect, message(pdu(GET)), BAD[what], message(pdu(SET), 1, b"private"))
    assert set(result.sids()) == {2, 6}


def test_other_ports(inspect):
    assert len(records(run(inspect, message(pdu(GET)), dport=5000))) == 1
    assert len(records(run(inspect, b"\x30\x0c\x02\x01\x03" + bytes(9), dport=5000))) == 0


def test_garbage(inspect):
    rng = random.Random(2)
    good = message3(pdu(GET, bind(), bind()))
    datagrams = [message(pdu(GET))]
    for _ in range(400):
        data = bytearray(rng.choice((good, message(trap1()), message(pdu(BULK)))))
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        datagrams.append((rng.choice("cs"), bytes(data)))
    assert run(inspect, *datagrams).status == 0
