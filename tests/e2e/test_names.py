"""Names in the link: who asks for which name, who says that it has it. LLMNR, NetBIOS."""
import struct

from packets import Clock, ends, tcp_session
from scapy.all import UDP, NBNSHeader, NBNSNodeStatusResponse, NBNSQueryRequest, NBNSQueryResponse, NBNSRegistrationRequest, Raw

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


def nbns(src, dst, message):
    return ends(src, dst) / UDP(sport=137, dport=137) / message


NB_RULES = """
alert nbns any any -> any any (nbns.query; content:"WPAD<00>"; bsize:8; sid:1;)
alert nbns any any -> any any (nbns.answers.rrname; content:"WPAD<"; startswith; nbns.rcode:NOERROR; sid:2;)
alert nbns any any -> any any (nbns.opcode:registration; nbns.additionals.rrname; content:"<00>"; endswith; sid:3;)
alert nbns any any -> any any (nbns.status.name; content:"FILESRV"; bsize:7; sid:4;)
alert udp any any -> any 137 (app-layer-protocol:nbns; sid:5; noalert;)
alert nbns any any -> any any (app-layer-event:nbns.malformed_data; sid:6;)"""


def test_netbios_names(inspect):
    """A question to all, an answer from another host, a name that a host takes, what names a host has."""
    asked = nbns(VICTIM, "10.0.0.255", NBNSHeader(NM_FLAGS=0x11, QDCOUNT=1) / NBNSQueryRequest(QUESTION_NAME=b"WPAD", SUFFIX=0x4141))
    answered = nbns(POISONER, VICTIM, NBNSHeader(RESPONSE=1, NM_FLAGS=0x50, ANCOUNT=1) /
                    NBNSQueryResponse(RR_NAME=b"WPAD", SUFFIX=0x4141, TTL=165, RDLENGTH=6, ADDR_ENTRY=[b"\0\0" + bytes([10, 0, 0, 66])]))
    taken = nbns(VICTIM, "10.0.0.255", NBNSHeader(OPCODE=5, NM_FLAGS=0x11, QDCOUNT=1, ARCOUNT=1) /
                 NBNSRegistrationRequest(QUESTION_NAME=b"PC21", SUFFIX=0x4141, NB_ADDRESS=VICTIM))
    encoded = b"\x20CK" + b"A" * 30 + b"\0"
    status = (struct.pack(">6H", 9, 0x8400, 0, 1, 0, 0) + encoded + struct.pack(">HHIHB", 0x21, 1, 0, 43, 2) + b"FILESRV".ljust(15) +
              b"\x20\x04\0" + b"LAB".ljust(15) + b"\0\x84\0" + bytes([2, 0, 0, 0, 0, 5]))
    clock = Clock()
    run = inspect([clock.stamp(p) for p in (asked, answered, taken, nbns("10.0.0.5", VICTIM, Raw(status)),
                                            nbns("10.0.0.5", VICTIM, Raw(status[:-20])), nbns("10.0.0.7", VICTIM, Raw(b"x" * 60)))], NB_RULES)
    ask, answer_, take, told = run.events("nbns")
    assert ask["nbns"]["queries"] == [{"rrname": "WPAD<00>", "service": "workstation", "rrtype": "nb"}]
    assert (answer_["src_ip"], answer_["nbns"]["answers"][0]["addresses"]) == (POISONER, [{"ip": POISONER, "group": False, "node_type": "b"}])
    assert take["nbns"]["additionals"][0]["addresses"][0]["ip"] == VICTIM
    assert told["nbns"]["answers"][0]["mac"] == "02:00:00:00:00:05"
    assert [n["rrname"] for n in told["nbns"]["answers"][0]["names"]] == ["FILESRV<20>", "LAB<00>"]
    assert sorted(run.sids()) == [1, 2, 3, 4, 6]
    assert [e["anomaly"]["event"] for e in run.events("anomaly")] == ["malformed_data"]
    assert [h["name"].lower() for h in run.cli("hosts", VICTIM)] == ["pc21"]
