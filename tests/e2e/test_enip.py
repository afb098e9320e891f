"""EtherNet/IP in many shapes: who answers whom, and what is packed in what."""
import random

import enip_talk as e
import pytest
from packets import CLIENT, SERVER, Clock, ends, first_comes_last, tcp_session
from scapy.all import UDP, Raw

LOG = ["--set", "eve.types.enip.enabled=yes"]
WHOLE = ["--set", "stream.reassembly.depth=0"]
RULES = "".join(f"alert enip any any -> any any ({body} sid:{sid};)\n" for sid, body in {
    1: 'app-layer-event:enip.invalid_pdu;',
    2: 'app-layer-event:enip.too_many_services;',
    3: 'app-layer-event:enip.too_many_transactions;',
    10: 'cip_service:16,139,6;',
    11: 'enip.cip_class:139;',
    12: 'enip.cip_attribute:6;',
    13: 'enip.cip_instance:>1000;',
    14: 'enip.cip_status:5;',
    15: 'enip.cip_extendedstatus:0x105;',
    16: 'cip_service:82,6;',
    17: 'enip.product_name; content:"1756-L61/B";',
    18: 'enip_command:list_identity; enip.serial:0xdeadbeef;',
}.items())
SET_TIME = e.request(e.SET, e.path(0x8b, 1, 6), b"12345678")


def run(inspect, turns, options=(), **kw):
    return inspect(tcp_session(turns, dport=e.PORT, **kw), RULES, [*LOG, *options])


def records(result):
    return [r["enip"] for r in result.events("enip")]


def clean(result):
    return not [a for a in result.events("anomaly") if "enip" in a["anomaly"].get("app_proto", "")]


def pairs(result):
    """Instances that were asked for, and the status each was answered with."""
    return {r["request"]["cip"]["path"][1]["value"]: r["response"]["cip"]["status"] if "response" in r else None
            for r in records(result) if "cip" in r.get("request", {})}


def ask(n, context=None, cls=1):
    return e.rr(e.request(e.GET, e.path(cls, n, 1)), context=b"%d" % n if context is None else context)


def tell(n, status, context=None):
    return e.rr(e.response(e.GET, b"\1\0", status), context=b"%d" % n if context is None else context)


STATUS = {0: "success", 5: "Path Destination Unknown", 8: "Service Not Supported"}


@pytest.mark.parametrize("segment", [1, 7, 1400])
def test_answers_out_of_order(inspect, segment):
    """Pipelined requests, answered in another order: the context says which is which."""
    turns = e.opening() + [("c", ask(1) + ask(2) + ask(3)), ("s", tell(3, 5) + tell(1, 0)), ("s", tell(2, 8))]
    result = run(inspect, turns, segment=segment)
    names = pairs(result)
    assert len(set(names.values())) == 3 and names[1] == "Success" and None not in names.values()
    assert len(records(result)) == 4 and clean(result)


def test_one_context_for_all(inspect):
    """Many clients always send the same context, or none: then it is the order."""
    for context in (b"_pycomm_", b""):
        turns = e.opening() + [("c", ask(1, context) + ask(2, context)), ("s", tell(1, 0, context) + tell(2, 5, context))]
        assert pairs(run(inspect, turns))[1] == "Success"


def test_context_is_not_repeated(inspect):
    """A server that forgets it answers in order."""
    turns = e.opening() + [("c", ask(1) + ask(2)), ("s", tell(1, 0, b"") + tell(2, 5, b""))]
    names = pairs(run(inspect, turns))
    assert names[1] == "Success" and names[2] not in ("Success", None)


def test_answer_of_another(inspect):
    """What answers a request that was not seen is not the answer of the next one."""
    turns = e.opening() + [("s", tell(9, 8)), ("c", ask(1)), ("s", tell(8, 8)), ("s", tell(1, 0))]
    result = run(inspect, turns)
    assert pairs(result) == {1: "Success"} and len(records(result)) == 4


def test_refused(inspect):
    """An error of the encapsulation has no data, and answers all the same."""
    turns = e.opening() + [("c", ask(1) + ask(2)), ("s", e.pdu(e.RR, status=0x64, context=b"2")), ("s", tell(1, 0))]
    found = [(r["request"]["cip"]["path"][1]["value"], r["response"]["status"]) for r in records(run(inspect, turns))[1:]]
    assert sorted(found) == [(1, "success"), (2, "invalid_session")]


def test_connected(inspect):
    """Connected data: two connections, each with sequence numbers of its own, answers not in order."""
    get = e.request(e.GET, e.path(1, 1, 1))
    turns = e.opening()
    for n in range(300):
        turns += [("c", e.unit(get, n, 0x1000) + e.unit(SET_TIME, 30000 + n, 0x2000)),
                  ("s", e.unit(e.response(e.SET, status=5), 30000 + n, 0x4000) + e.unit(e.response(e.GET), n, 0x3000))]
    result = run(inspect, turns)
    found = {(r["request"]["cip"]["service"], r["response"]["cip"]["status"]) for r in records(result)[1:]}
    assert len(records(result)) == 601 and len(found) == 2 and clean(result)


def test_unanswered(inspect):
    """Thousands of requests, every other one unanswered, answers lost: bounded, and those that come are paired."""
    turns = e.opening()
    for n in range(3000):
        turns.append(("c", ask(n % 200 + 1, b"%d" % n)))
        if n % 2:
            turns.append(("s", tell(n, n % 4 - 1 and 5, b"%d" % n)))
    result = run(inspect, turns, options=WHOLE)
    answered = [r for r in records(result) if "response" in r]
    assert len(records(result)) == 3001 and len(answered) == 1501
    assert clean(result)


def test_one_side(inspect):
    """Only what the client sends is seen: all requests are recorded, and looked at by rules."""
    packets = [p for p in tcp_session(e.opening() + [("c", ask(n)) for n in range(1000)] + [("c", e.rr(SET_TIME))],
                                      dport=e.PORT) if p["IP"].src == CLIENT]
    result = inspect(packets, RULES, [*LOG, "--set", "stream.midstream=yes", "--set", "stream.async_oneside=yes"])
    assert len(records(result)) == 1002 and 10 in result.sids()


def test_burst(inspect):
    """A late segment brings thousands of requests at once: all of them are looked at."""
    many = b"".join(e.pdu(e.SERVICES, context=b"%d" % n) for n in range(2000)) + e.rr(SET_TIME)
    result = inspect(first_comes_last(tcp_session(e.opening()[:1] + [("c", many)], dport=e.PORT)), RULES, LOG)
    assert {10, 11, 12} <= set(result.sids()) and len(records(result)) == 2002


def test_midstream(inspect):
    """Met midway, a message of the server first."""
    turns = [("s", tell(1, 5)), ("c", ask(2)), ("s", tell(2, 0))]
    packets = tcp_session(turns, dport=e.PORT)[3:]
    result = inspect(packets, RULES, [*LOG, "--set", "stream.midstream=yes"])
    assert [sorted(r) for r in records(result)] == [["response"], ["request", "response"]]


PACKED = {
    "alone": SET_TIME,
    "multiple": e.multiple([e.request(e.GET, e.path(1, 1, 1)), SET_TIME]),
    "unconnected": e.unconnected_send(SET_TIME),
    "multiple in unconnected": e.unconnected_send(e.multiple([e.request(e.GET, e.path(1, 1, 1)), SET_TIME])),
    "unconnected in multiple": e.multiple([e.unconnected_send(SET_TIME), e.request(e.GET, e.path(1, 1, 1))]),
    "multiple in multiple": e.multiple([e.multiple([SET_TIME]), e.multiple([e.request(e.GET, e.path(1, 1))])]),
    "unconnected in unconnected": e.unconnected_send(e.unconnected_send(SET_TIME), b"\x01\x02"),
}


@pytest.mark.parametrize("how", PACKED)
@pytest.mark.parametrize("connected", [False, True])
def test_packed(inspect, how, connected):
    """A service is seen wherever it is packed."""
    message = e.unit(PACKED[how], 1) if connected else e.rr(PACKED[how])
    result = run(inspect, e.opening() + [("c", message)])
    want = [10, 11, 12] + [16] * ("unconnected" in how)
    assert result.sids() == want and clean(result)


def test_packed_record(inspect):
    result = run(inspect, e.opening() + [
        ("c", e.rr(PACKED["multiple in unconnected"])),
        ("s", e.rr(e.multiple([e.response(e.GET), e.response(e.SET, status=5)], True))),
        ("c", e.rr(PACKED["multiple in multiple"])), ("c", e.rr(PACKED["unconnected in multiple"]))])
    first, second, third = (r["request"]["cip"] for r in records(result)[1:])
    assert first["service"] == "Unconnected Send" and first["class_name"] == "Connection Manager"
    inner = first["embedded"]
    assert [m["service"] for m in inner["multiple"]] == ["Get Attributes Single", "Set Attributes Single"]
    assert [[m["service"] for m in one["multiple"]] for one in second["multiple"]] == [
        ["Set Attributes Single"], ["Get Attributes Single"]]
    assert third["multiple"][0]["embedded"]["service"] == "Set Attributes Single"
    assert third["multiple"][1]["service"] == "Get Attributes Single"
    assert [m["status"] for m in records(result)[1]["response"]["cip"]["multiple"]][0] == "Success"
    assert 14 in result.sids()


def test_tags(inspect):
    """Services that name a tag, of a member, with an index; a fragmented read is no unconnected send."""
    tag = e.symbol(b"Program:Main") + e.symbol(b"abc") + e.logical(0x28, 3) + e.logical(0x24, 70000)
    result = run(inspect, e.opening() + [
        ("c", e.rr(e.request(e.READ_TAG, tag, b"\1\0"))),
        ("c", e.rr(e.request(e.UNCONNECTED_SEND, tag, b"\1\0\0\0\0\0")))])
    assert clean(result) and 16 not in result.sids()
    cip = records(result)[1]["request"]["cip"]
    assert [(s["segment_type"], s.get("name", s.get("value"))) for s in cip["path"]] == [
        ("symbol", "Program:Main"), ("symbol", "abc"), ("member", 3), ("instance", 70000)]
    assert records(result)[2]["request"]["cip"]["service"] == "Read Data Fragmented"
    assert 13 in result.sids()


def test_routed_path(inspect):
    """Ports, keys and data in a path are stepped over."""
    where = (bytes([0x12, 9]) + b"10.0.0.77" + b"\0" + bytes([0x1f, 4, 5, 0]) + b"host" + bytes([0x34, 4]) + bytes(8) +
             bytes([0x43, 1]) + bytes([0x80, 1, 1, 2]) + bytes([0x63]) + b"tag" + e.path(0x8b, 1, 6))
    where += bytes(len(where) & 1)
    result = run(inspect, e.opening() + [("c", e.rr(e.request(e.SET, where)))])
    assert clean(result) and {10, 11, 12} <= set(result.sids())


BAD = {
    "reserved segment": e.rr(e.request(e.GET, b"\xe0\x01")),
    "path too long": e.rr(b"\x0e\x09\x20\x01"),
    "symbol too long": e.rr(e.request(e.GET, b"\x91\x20ab")),
    "offset outside": e.rr(e.request(e.MULTIPLE, e.path(2, 1), b"\1\0\xff\xff")),
    "more services than said": e.rr(e.request(e.MULTIPLE, e.path(2, 1), b"\xff\xff\4\0")),
    "embedded too long": e.rr(e.request(e.UNCONNECTED_SEND, e.path(6, 1), b"\x0a\5\xff\xff\x0e\0")),
    "bad one in an embedded": e.rr(e.unconnected_send(e.multiple([b"\x0e\x09"]))),
    "item too long": e.pdu(e.RR, e.items(e.item(0, b""), b"\xb2\0\xff\0\1\2")),
    "items missing": e.pdu(e.RR, b"\0\0\0\0\0\0\x05\0\0\0\0\0"),
    "no items": e.pdu(e.RR, b"\0\0\0\0"),
    "empty item": e.rr(b""),
}


@pytest.mark.parametrize("what", BAD)
def test_malformed(inspect, what):
    """One event, and the stream goes on behind it."""
    result = run(inspect, e.opening() + [("c", BAD[what]), ("c", e.rr(SET_TIME))])
    assert {1, 10, 11, 12} <= set(result.sids()) and len(records(result)) == 3


def test_too_many(inspect):
    """More services than are looked at, or deeper: an event says so."""
    deep = SET_TIME
    for _ in range(6):
        deep = e.multiple([deep])
    for message in (e.multiple([e.request(e.GET, e.path(1, 1))] * 70), deep):
        result = run(inspect, e.opening() + [("c", e.rr(message))])
        assert set(result.sids()) == {2}
    # Nothing grows out of many offsets to the same, nested.
    bomb = e.request(e.MULTIPLE, e.path(2, 1), b"\xff\x03" + b"\0\0" * 0x3ff)
    assert run(inspect, e.opening() + [("c", e.rr(bomb))] * 20).status == 0


def test_never_answered(inspect):
    """NOP and the end of a session have no answer and wait for none."""
    turns = e.opening() + [("c", e.pdu(e.NOP, b"anything"))] * 600 + [("c", ask(1)), ("s", tell(1, 0)),
                                                                    ("c", e.pdu(e.UNREGISTER))]
    result = run(inspect, turns)
    assert len(records(result)) == 603 and clean(result) and pairs(result) == {1: "Success"}


def datagrams(*turns, sport=40000, client=CLIENT, server=SERVER):
    clock = Clock()
    return [clock.stamp(ends(client, server) / UDP(sport=sport, dport=e.PORT) / Raw(data)) if who == "c" else
            clock.stamp(ends(server, client) / UDP(sport=e.PORT, dport=sport) / Raw(data)) for who, data in turns]


@pytest.mark.parametrize("sport", [40000, e.PORT])
def test_list_identity(inspect, sport):
    """Who is there? is asked of all; each answers in a flow of its own, and is the server in it."""
    packets = datagrams(("c", e.pdu(e.IDENTITY, session=0, context=b"\7")), sport=sport, server="10.0.0.255")
    for n in range(3):
        packets += datagrams(("s", e.identity(serial=0xdeadbeef + n, context=b"\7")), sport=sport, server=f"10.0.0.{20 + n}")
    result = inspect(packets, RULES, LOG)
    assert result.sids() == [17, 17, 17, 18]
    assert [(r["src_ip"], r["dest_port"]) for r in result.events("enip") if "response" in r["enip"]] == [
        (CLIENT, e.PORT)] * 3
    assert sorted(r["response"]["identity"]["serial"] for r in records(result) if "response" in r) == [
        0xdeadbeef + n for n in range(3)]


def test_list_identity_of_one(inspect):
    packets = datagrams(("c", e.pdu(e.IDENTITY, session=0, context=b"\7")), ("s", e.identity(context=b"\7")),
                        ("c", e.pdu(e.IDENTITY, session=0, context=b"\x08")),
                        ("s", e.identity(b"x" * 255, context=b"\x08")), ("s", e.identity(b"", context=b"\x09")))
    result = inspect(packets, RULES, LOG)
    assert [sorted(r) for r in records(result)] == [["request", "response"]] * 2 + [["response"]]
    assert len(records(result)[1]["response"]["identity"]["product_name"]) == 255


def test_loss(inspect):
    """Segments are lost: what follows is found again."""
    packets = tcp_session(e.opening() + [("c", ask(n)) for n in range(50)], dport=e.PORT)
    data = [i for i, p in enumerate(packets) if len(p["TCP"].payload) and p["IP"].src == CLIENT]
    lost = set(data[5:40:7])
    result = inspect([p for i, p in enumerate(packets) if i not in lost], RULES, LOG)
    assert len(records(result)) == 51 - len(lost) and clean(result)


def test_garbage(inspect):
    """Random bytes behind a good beginning, in both directions, and random data in good headers."""
    rng = random.Random(7)
    for n in range(30):
        turns = e.opening()
        for _ in range(30):
            noise = rng.randbytes(rng.choice((1, 23, 24, 25, 100, 3000)))
            command = rng.choice((e.RR, e.UNIT, e.IDENTITY, e.SERVICES, e.REGISTER, 0x99))
            turns.append((rng.choice("cs"), noise if n % 2 else e.pdu(command, noise)))
        assert run(inspect, turns).status == 0
        assert inspect(datagrams(*turns), RULES, LOG).status == 0


def test_very_long(inspect):
    """The longest message, in small segments; the next one is found behind it."""
    data = e.items(e.item(0, b""), e.item(0xb2, e.request(e.SET, e.path(0x8b, 1, 6), bytes(65000))))
    result = run(inspect, e.opening() + [("c", e.pdu(e.RR, data)), ("c", e.rr(SET_TIME))], segment=100)
    assert result.sids() == [10, 10, 11, 11, 12, 12] and len(records(result)) == 3
