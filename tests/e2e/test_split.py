"""A pattern divided over two TCP segments, at every point, is found once; in the wire and beside it."""
import pytest
from packets import Clock, tcp_session

RULES = """
alert tcp any any -> any 4444 (msg:"one"; content:"evilword"; sid:1;)
alert tcp any any -> any 4444 (msg:"two"; content:"evil"; content:"word"; distance:0; within:4; sid:2;)
alert tcp any any -> any 4444 (msg:"far"; content:"begin"; content:"finish"; distance:1; sid:3;)
"""
TEXT = b"begin of it, evilword, finish\n"


@pytest.mark.parametrize("options", [(), ("--set", "mode=inline")])
def test_every_split(inspect, options):
    clock, packets = Clock(), []
    for at in range(1, len(TEXT)):
        packets += tcp_session([("c", TEXT[:at]), ("c", TEXT[at:])], clock, sport=50000 + at, dport=4444)
    run = inspect(packets, RULES, options)
    assert run.status == 0, run.stderr
    found = {(e["src_port"], e["alert"]["signature_id"]) for e in run.events("alert")}
    assert found == {(50000 + at, sid) for at in range(1, len(TEXT)) for sid in (1, 2, 3)}
    assert len(run.events("alert")) == len(found)


def test_chunk_boundary(inspect):
    """On a tap bytes are looked at in chunks of 2,560: nothing is lost between two of them."""
    clock, packets = Clock(), []
    for at in range(2560 - len(TEXT), 2561):
        data = b"x" * at + TEXT + b"y" * 4000
        packets += tcp_session([("c", data)], clock, sport=50000 + at - 2500, dport=4444, segment=640)
    run = inspect(packets, RULES)
    found = [(e["src_port"], e["alert"]["signature_id"]) for e in run.events("alert")]
    assert sorted(found) == sorted({(50000 + at - 2500, sid) for at in range(2560 - len(TEXT), 2561)
                                    for sid in (1, 2, 3)})
