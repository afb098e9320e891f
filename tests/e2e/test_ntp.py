"""NTP of all versions and modes, mDNS, and what is BACnet and what is not."""
import struct

import pytest
from packets import CLIENT, SERVER, Clock, ends
from scapy.all import DNS, DNSQR, DNSRR, IP, UDP, Ether, IPv6, Raw


def datagrams(*turns, sport=40000, dport=123, client=CLIENT, server=SERVER):
    clock, packets = Clock(), []
    for who, data in turns:
        src, dst, sp, dp = (client, server, sport, dport) if who == "c" else (server, client, dport, sport)
        packets.append(clock.stamp(ends(src, dst) / UDP(sport=sp, dport=dp) / Raw(data)))
    return packets


def ntp(version=4, mode=3, stratum=0, reference=b"\0\0\0\0", more=b""):
    return struct.pack(">BBbbII4sQQQQ", version << 3 | mode, stratum, 6, -20, 0, 0, reference, 0, 5 << 32, 5 << 32, 7 << 32) + more


def control(version=2, opcode=2, response=False, data=b""):
    return struct.pack(">BBHHHHH", version << 3 | 6, opcode | 0x80 * response, 1, 0, 0, 0, len(data)) + data + bytes(-len(data) % 4)


def private(code=42, response=False, items=0, size=0, implementation=3, version=2):
    return struct.pack(">BBBBHH", version << 3 | 7 | 0x80 * response, 0, implementation, code, items, size) + bytes(items * size)


NTP_RULES = """
alert ntp any any -> any any (ntp.mode:7; sid:1;)
alert ntp any any -> any any (ntp.mode:6; sid:2;)
alert ntp any any -> any any (ntp.version:<3; sid:3;)
alert ntp any any -> any any (ntp.reference_id; content:"GPS"; sid:4;)
alert ntp any any -> any any (ntp.stratum:0; ntp.reference_id; content:"RATE"; sid:5;)
alert ntp any any -> any any (app-layer-event:ntp.malformed_data; sid:6;)
"""


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_modes(inspect, version):
    turns = [("c", ntp(version, 3)), ("s", ntp(version, 4, 1, b"GPS\0"))] + [("c", ntp(version, mode)) for mode in (1, 2, 5)]
    result = inspect(datagrams(*turns), NTP_RULES)
    assert [(e["ntp"]["version"], e["ntp"]["mode"]) for e in result.events("ntp")] == [
        (version, mode) for mode in (3, 4, 1, 2, 5)]
    assert set(result.sids()) == {4, 3} - {3 * (version > 2)}


def test_more_behind(inspect):
    """Extension fields, keys and digests, a refusal of one; a kiss of death."""
    field = struct.pack(">HH", 0x0104, 36) + bytes(32)
    turns = [("c", ntp(more=m)) for m in (field, field * 3 + bytes(20), bytes(4), bytes(20), bytes(24))]
    result = inspect(datagrams(*turns, ("s", ntp(4, 4, 0, b"RATE"))), NTP_RULES)
    assert len(result.events("ntp")) == 6 and result.sids() == [5]


@pytest.mark.parametrize("first", [control(), private(), private(20), private(42, version=4)])
def test_control(inspect, first):
    """What is asked of a server and reflected to a victim: also where it begins the flow."""
    many = [("s", private(42, True, 6, 72))] * 20 if first[0] & 7 == 7 else [("s", control(response=True, data=b"version=4"))]
    result = inspect(datagrams(("c", first), *many), NTP_RULES)
    modes = [e["ntp"] for e in result.events("ntp")]
    assert len(modes) == 1 + len(many) and [m["response"] for m in modes] == [False] + [True] * len(many)
    assert modes[0].get("request_code", 42) in (20, 42) and ({1, 2} & set(result.sids()))


@pytest.mark.parametrize("data", [b"\x17", b"\x17\0\3", private(implementation=9), private(42, True, 6, 72)[:100], ntp()[:47],
                                  ntp(stratum=17), control(data=b"abcd")[:12], b"\x23" * 47, bytes(48), b"\x3b" + bytes(47)])
def test_not_ntp(inspect, data):
    assert not inspect(datagrams(("c", data)), NTP_RULES).events("ntp")
    assert not inspect(datagrams(("c", data), dport=4000), NTP_RULES).events("ntp")
    assert set(inspect(datagrams(("c", ntp()), ("c", data)), NTP_RULES).sids()) == {6}


# ---- mDNS ----

MDNS_RULES = """
alert mdns any any -> any any (mdns.queries.rrname; content:"_ipp._tcp.local"; sid:1;)
alert mdns any any -> any any (mdns.answers.rrname; content:"printer.local"; sid:2;)
alert mdns any any -> any any (mdns.additionals.rrname; content:"extra.local"; sid:3;)
alert mdns any any -> any any (mdns.response.rrname; content:"extra.local"; sid:4;)
"""


def mdns(message, src=CLIENT, dst="224.0.0.251", sport=5353):
    return Ether(src="02:00:00:00:00:01", dst="01:00:5e:00:00:fb") / IP(src=src, dst=dst, ttl=255) / UDP(
        sport=sport, dport=5353) / message


def chain(*records):
    """Records as this scapy wants them: one under the other; counts are its own."""
    out = records[0]
    for one in records[1:]:
        out = out / one
    return out


def question(name, kind="PTR", unicast=False):
    return DNSQR(qname=name, qtype=kind, qclass=1 | 0x8000 * unicast)


def answer(name, kind="A", data="10.0.0.9", flush=False):
    return DNSRR(rrname=name, type=kind, rclass=1 | 0x8000 * flush, ttl=120, rdata=data)


def test_mdns(inspect):
    """Many questions, the unicast bit, known answers over two datagrams, the flush bit, an answer to one host."""
    packets = [
        mdns(DNS(rd=0, tc=1, an=answer("_ipp._tcp.local", "PTR", "printer._ipp._tcp.local"),
                 qd=chain(question("_http._tcp.local", unicast=True), question("_ipp._tcp.local"), question("a.local", "ALL")))),
        mdns(DNS(rd=0, qd=None, an=chain(*(answer("_ipp._tcp.local", "PTR", f"p{n}._ipp._tcp.local") for n in range(20))))),
        mdns(DNS(qr=1, aa=1, qd=None, an=answer("printer.local", flush=True), ar=answer("extra.local", flush=True)), src=SERVER),
        mdns(DNS(qr=1, aa=1, qd=None, an=answer("printer.local")), src=SERVER, dst=CLIENT),
        mdns(DNS(qr=1, qd=None, an=answer("printer.local", data="0.0.0.0")), src="10.0.0.77", sport=6000),
    ]
    clock = Clock()
    result = inspect([clock.stamp(p) for p in packets], MDNS_RULES)
    found = [e["mdns"] for e in result.events("mdns")]
    assert [m["type"] for m in found] == ["request", "request", "response", "response", "response"]
    assert [q["rrname"] for q in found[0]["queries"]] == ["_http._tcp.local", "_ipp._tcp.local", "a.local"]
    assert found[0]["flags"] == ["tc"] and len(found[1]["answers"]) == 20
    assert found[2]["answers"][0]["a"] == "10.0.0.9" or found[2]["answers"][0]["a"] == ["10.0.0.9"]
    assert result.sids() == [1, 2, 2, 2, 3, 4]


def test_mdns_over_ipv6(inspect):
    packet = Ether(dst="33:33:00:00:00:fb") / IPv6(src="fe80::1", dst="ff02::fb") / UDP(sport=5353, dport=5353) / DNS(
        qd=question("_ipp._tcp.local"))
    assert inspect([Clock().stamp(packet)], MDNS_RULES).sids() == [1]


@pytest.mark.parametrize("data", [b"", b"\0" * 11, bytes(DNS(qd=question("a.local")))[:-3],
                                  b"\0\0\0\0\0\1\0\0\0\0\0\0\xc0\x0c\0\x0c\0\1", b"\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
                                  b"\0\0\0\0\0\1\0\0\0\0\0\0" + b"\x3fa" * 40])
def test_mdns_malformed(inspect, data):
    """Loops, cut names and lies about counts harm nothing; the next message is read."""
    clock = Clock()
    result = inspect([clock.stamp(mdns(d)) for d in (DNS(qd=question("b.local")), Raw(data), DNS(qd=question("_ipp._tcp.local")))], MDNS_RULES)
    assert result.sids() == [1]


# ---- BACnet ----

NPDU = b"\1\x20\xff\xff\0\xff\x10\x08"


def bvlc(function, body=b"", kind=0x81):
    return struct.pack(">BBH", kind, function, len(body) + 4) + body


YES = [bvlc(0x0b, NPDU), bvlc(0x0a, b"\1\4\0\5\1\x0c"), bvlc(0, b"\0\0"), bvlc(2), bvlc(6), bvlc(5, b"\0\x3c"), bvlc(3, bytes(20)),
       bvlc(4, bytes(6) + NPDU), bvlc(9, NPDU), bvlc(1, bytes(10), 0x82)[:4] + bytes(6) + NPDU[:4],
       bvlc(2, b"\0\0\1" + NPDU, 0x82)]
YES[9] = bvlc(1, bytes(6) + NPDU, 0x82)
NO = [bvlc(0x0a, b"\2\4\0\5"), bvlc(0x0a, b"\1\x50\0\5"), bvlc(0x0d, NPDU), bvlc(0x0b, NPDU) + b"x", bvlc(0), bvlc(5), bvlc(
    3, bytes(7)), bvlc(0x0b), b"\x81\x0a\0", bvlc(0x0a, NPDU, 0x83)]


@pytest.mark.parametrize("data", range(len(YES)))
def test_bacnet(inspect, data):
    flows = inspect(datagrams(("c", YES[data]), ("s", YES[data]), sport=47808, dport=47808)).events("flow")
    assert flows[0].get("service", flows[0]["flow"].get("service")) == "bacnet"


@pytest.mark.parametrize("data", range(len(NO)))
def test_not_bacnet(inspect, data):
    flows = inspect(datagrams(("c", NO[data]), sport=47808, dport=47808)).events("flow")
    assert flows[0].get("service", flows[0]["flow"].get("service")) != "bacnet"
