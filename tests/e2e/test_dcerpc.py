"""DCE/RPC over TCP: fragments, contexts, byte orders, who calls."""
import pytest
import smb_talk as s
from packets import tcp_session
from tls_talk import filler

STUB = filler(9000, b"stub")
RULES = f"""
alert dcerpc any any -> any any (dcerpc.iface:{s.SVCCTL}; dcerpc.opnum:15; sid:11;)
alert dcerpc any any -> any any (dcerpc.iface:{s.SAMR}; dcerpc.opnum:7; sid:12;)
alert dcerpc any any -> any any (dcerpc.iface:{s.SVCCTL},any_frag; dcerpc.opnum:15; dcerpc.stub_data; \
content:"|{STUB[6000:6010].hex(' ')}|"; sid:13;)
alert dcerpc any any -> any any (flow:to_client; dcerpc.stub_data; content:"|{STUB[-4:].hex(' ')}|"; sid:14;)
alert dcerpc any any -> any any (dcerpc.iface:{s.NDR}; sid:15;)
alert dcerpc any any -> any any (app-layer-event:dcerpc.malformed_data; sid:16;)
"""


def talk(rpc, size):
    """Two calls whose fragments are interleaved, in a context of the bind and one added."""
    one, two = rpc.request(3, 15, STUB, size), rpc.request(4, 7, b"x" * 100, 30, context=2)
    asked = b"".join(part for pair in zip(one, two + [b""] * len(one)) for part in pair)
    return [("c", rpc.bind(1, (0, s.SVCCTL, 2), (1, s.NDR, 1))), ("s", rpc.ack(1, 0, 2)),
            ("c", rpc.bind(2, (2, s.SAMR, 1), kind=s.ALTER)), ("s", rpc.ack(2, 0, kind=s.ALTER_ACK)),
            ("c", asked), ("s", b"".join(rpc.reply(4, b"y" * 100, 40, context=2) + rpc.reply(3, STUB, size)))]


@pytest.mark.parametrize("segment", [7, 1400])
@pytest.mark.parametrize("little", [True, False])
def test_fragments(inspect, little, segment):
    result = inspect(tcp_session(talk(s.Rpc(little), 2000), dport=49670, segment=segment), RULES)
    calls = [e["dcerpc"] for e in result.events("dcerpc")]
    assert sorted((c["request"], c["response"], c["call_id"]) for c in calls) == [
        ("ALTER_CONTEXT", "ALTER_CONTEXT_RESP", 2), ("BIND", "BINDACK", 1), ("REQUEST", "RESPONSE", 3),
        ("REQUEST", "RESPONSE", 4)]
    # the stub data of a response begins behind the header, as in the reference
    assert sorted((c["req"]["opnum"], c["req"]["frag_cnt"], c["req"]["stub_data_size"], c["res"]["frag_cnt"],
                   c["res"]["stub_data_size"]) for c in calls if "req" in c) == [
                       (7, 4, 100, 3, 100 + 3 * 8), (15, 5, 9000, 5, 9000 + 5 * 8)]
    assert set(result.sids()) == {11, 12, 13, 14}
    assert [e["app_proto"] for e in result.events("flow")] == ["dcerpc"]


@pytest.mark.parametrize("way", ["AUTH3", "ALTER_CONTEXT", "SMB"])
def test_ntlm(inspect, way):
    """Who logs on: NTLMSSP in the last message of the bind's three, or in an alter_context."""
    rpc, blob = s.Rpc(), s.ntlm_authenticate("CORP", "björn", "WS-7")
    begin = [("c", rpc.bind(1, (0, s.SVCCTL, 2), auth=s.NTLM_NEGOTIATE)),
             ("s", rpc.ack(1, 0, auth=s.NTLM_CHALLENGE))]
    if way == "ALTER_CONTEXT":
        begin += [("c", rpc.bind(1, (0, s.SVCCTL, 2), kind=s.ALTER, auth=blob)),
                  ("s", rpc.ack(1, 0, kind=s.ALTER_ACK))]
    else:
        begin.append(("c", rpc.fragment(s.AUTH3, 1, bytes(4), auth=blob)))
    turns = begin + [("c", rpc.request(2, 15, b"x" * 40)[0]), ("s", rpc.reply(2, b"y" * 40)[0])]
    if way == "SMB":
        fid, number, out = bytes(range(16)), 5, s.opening("\\\\server\\IPC$", 2)
        out += [("c", s.record(s.smb2(s.CREATE, 4, s.create("svcctl")))),
                ("s", s.record(s.answer(s.CREATE, 4, s.create_answer(fid))))]
        for who, data in turns:
            if who == "c":
                out += [("c", s.record(s.smb2(s.WRITE, number, s.write(fid, data)))),
                        ("s", s.record(s.answer(s.WRITE, number, s.written(len(data)))))]
            else:
                out += [("c", s.record(s.smb2(s.READ, number, s.read(fid, 4280)))),
                        ("s", s.record(s.answer(s.READ, number, s.read_answer(data))))]
            number += 1
        turns = out
    result = inspect(tcp_session(turns, dport=445 if way == "SMB" else 49670), RULES)
    calls = [e["dcerpc"] if way != "SMB" else e["smb"]["dcerpc"] for e in result.events("smb" if way == "SMB" else "dcerpc")
             if way != "SMB" or "dcerpc" in e["smb"]]
    assert [c["request"] for c in calls if "ntlmssp" in c][-1:] == ["REQUEST"]
    assert calls[-1]["ntlmssp"] == {"domain": "CORP", "user": "björn", "host": "WS-7",
                                    "version": "10.0 build 19041 rev 15"}
    assert "ntlmssp" not in calls[0]
