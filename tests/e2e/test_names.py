"""Names in the link: who asks for which name, who says that it has it. LLMNR."""
import struct

from packets import Clock, ends, tcp_session
from scapy.all import UDP, Raw

VICTIM, POISONER, GROUP = "10.0.0.21", "10.0.0.66", "224.0.0.252"


def datagram(src, dst, sport, dport, data):
    return ends(src, dst) / UDP(sport=sport, dport=dport) / Raw(data)


def question(name, number=7):
    return struct.pack(">6H", number, 0, 1, 0, 0, 0) + bytes([len(name)]) + name + b"\0\0\1\0\1"


def answer(name, address, number=7):
    return (struct.pack(">6H", number, 0x8000, 1, 1, 0, 0) + question(name)[12:] + b"\xc0\x0c\0\1\0\1" +
            struct.pack(">IH", 30, 4) + bytes(map(int, address.split("."))))


ASKED = datagram(VICTIM, GROUP, 51000, 5355, question(b"wpad"))
ANSWERED = datagram(POISONER, VICTIM, 5355, 51000, answer(b"wpad", POISONER))
LLMNR_RULES = """
alert llmnr any any -> any any (llmnr.queries.rrname; content:"wpad"; nocase; bsize:4; llmnr.answers.rrname; content:"wpad"; sid:1;)
alert llmnr any 5355 -> any any (llmnr.response.rrname; content:"wpad"; startswith; sid:2;)
alert udp any any -> any any (app-layer-protocol:llmnr; dsize:>30; sid:3;)
alert llmnr any any -> any any (app-layer-event:llmnr.malformed_data; sid:4;)"""


def test_who_answers_for_a_name(inspect):
    """Neither the question nor the answer needs the other; the answer says whose address it hands out."""
    for packets, types in (([ASKED, ANSWERED], ["request", "response"]), ([ASKED], ["request"]), ([ANSWERED], ["response"]),
                           ([ANSWERED, ASKED], ["response", "request"])):
        clock = Clock()
        run = inspect([clock.stamp(p) for p in packets], LLMNR_RULES)
        records = run.events("llmnr")
        assert [e["llmnr"]["type"] for e in records] == types
        assert run.sids() == ([1, 2, 3] if "response" in types else [])
        for e in records:
            assert e["llmnr"]["queries"] == [{"rrname": "wpad", "rrtype": "a"}]
            if e["llmnr"]["type"] == "response":
                assert (e["src_ip"], e["dest_ip"], e["dest_port"]) == (POISONER, VICTIM, 51000)
                assert e["llmnr"]["answers"] == [{"rrname": "wpad", "ttl": 30, "a": POISONER}]
        assert {e["app_proto"] for e in run.events("flow")} == {"llmnr"}
        assert not run.events("anomaly")


def test_llmnr_over_tcp_and_garbage(inspect):
    def framed(message):
        return struct.pack(">H", len(message)) + message
    for segment in (1, 7, 1400):
        run = inspect(tcp_session([("c", framed(question(b"fileserv"))), ("s", framed(answer(b"fileserv", "10.0.0.5")))], dport=5355,
                                  segment=segment))
        assert [e["llmnr"]["type"] for e in run.events("llmnr")] == ["request", "response"]
    clock = Clock()
    bad = answer(b"wpad", POISONER)[:-2]
    run = inspect([clock.stamp(datagram(VICTIM, GROUP, 51000, 5355, data)) for data in
                   (question(b"one"), bad, bytes(range(200)), question(b"two"))], LLMNR_RULES)
    assert [e["llmnr"]["queries"][0]["rrname"] for e in run.events("llmnr")] == ["one", "two"]
    assert [e["anomaly"]["event"] for e in run.events("anomaly")].count("malformed_data") == 2
    assert run.sids().count(4) == 2
