"""Live on memif: two engines joined by shared memory, one in the wire, one listening behind it."""
import os
import signal

import pytest
from live import busy_script, hanging_script, hosts, service  # noqa: F401 (fixtures)
from test_live_afxdp import ALERT, dataplane, numbered


def test_memif_between_two_engines(hosts, service, tmp_path):
    host = hosts()
    socket = tmp_path / "memif.sock"
    wire = service("", mode="inline", **{"pair.a": f"afxdp:{host.port}", "checksums": "ignore",
                                         "pair.b": f"memif:{socket},role=server,id=3"}).ready()
    listener = service(ALERT, ports=f"memif:{socket}?role=client&id=3", checksums="ignore").ready()
    # The two sides find each other within a second or so; until then nothing can be sent.
    wire.wait_for(lambda: host.send(numbered(0, 1)) or listener.events("alert"))
    first = len(listener.events("alert"))
    host.send(numbered(1, 500))
    listener.wait_for(lambda: len({e["src_port"] for e in listener.events("alert")}) >= 501)
    assert wire.conserved() and listener.conserved()
    assert first >= 1 and listener.counter("capture.tx_packets") == 0


def test_memif_needs_a_whole_path(service):
    engine = service("", ports="memif:relative.sock")
    engine.process.wait(30)
    assert "needs the whole path of a socket" in engine.close()[1]


def stalling(service, host, tmp_path, script, **settings):
    """A pair of AF_XDP and memif whose worker runs a script for a packet to port 7777; who listens behind it."""
    socket = tmp_path / "memif.sock"
    (tmp_path / "stall.lua").write_text(script)
    rule = 'alert udp any any -> any 7777 (msg:"stall"; content:"number "; lua:stall.lua; sid:9;)\n'
    wire = service(rule, mode="inline", **{
        "pair.a": f"afxdp:{host.port}", "pair.b": f"memif:{socket},role=server,id=3", "checksums": "ignore",
        "lua.dir": tmp_path, "lua.max_instructions": "4000000000", **settings}).ready()
    listener = service(ALERT, ports=f"memif:{socket}?role=client&id=3", checksums="ignore").ready()
    wire.wait_for(lambda: host.send(numbered(0, 1)) or listener.events("alert"))
    return wire, listener


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_that_stalls_is_passed_by(hosts, service, tmp_path, workers):
    """No kernel stands in for memif: the dispatcher, or a thread beside one worker, sends frames past it."""
    host = hosts()
    wire, listener = stalling(service, host, tmp_path, busy_script(400000000), workers=workers, watchdog_ms="60000")
    before, start = listener.counter("detect.alert"), wire.counter("capture.passed_by")
    # At once: what comes after the burst that it is busy with waits in its queue.
    host.send(numbered(0, 1, dport=7777) + numbered(1, 100))
    wire.wait_for(lambda: host.send(numbered(200, 20)) or listener.counter("detect.alert") > before + 20)
    wire.wait_for(lambda: wire.counter("capture.passed_by") > start)
    # It has come back: what is sent now goes through it.
    wire.wait_for(lambda: wire.counter("cycles.total") and wire.conserved())
    packets = wire.counter("capture.rx_packets")
    wire.wait_for(lambda: host.send(numbered(300, 1)) or wire.counter("capture.rx_packets") > packets)
    wire.wait_for(lambda: [e for e in wire.events("uninspected") if e["uninspected"].get("passed_by")])
    told = [e["uninspected"] for e in wire.events("uninspected") if e["uninspected"].get("passed_by")][0]
    assert told["state"] == "stalled" and told["ms"] > 50 and told["stalls"] >= 1
    assert wire.counter("capture.stalls") >= 1
    assert "memif:" in wire.close()[1]


def restarts(engine):
    told = [e["uninspected"] for e in engine.events("uninspected")]
    return [t for t in told if t["state"] == "restarted"]


def test_a_worker_that_hangs_is_ended(hosts, service, tmp_path):
    """Its frames pass it; a second later the dataplane is started again, says so, and inspects what comes."""
    host = hosts()
    wire, listener = stalling(service, host, tmp_path, hanging_script(), watchdog_ms="1000")
    before = listener.counter("detect.alert")
    host.send(numbered(0, 1, dport=7777))
    wire.wait_for(lambda: host.send(numbered(200, 20)) or listener.counter("detect.alert") > before + 20)
    wire.wait_for(lambda: wire.cli("status")["dataplane"]["hangs"] == 1)
    wire.wait_for(lambda: restarts(wire))
    before = listener.counter("detect.alert")
    wire.wait_for(lambda: host.send(numbered(300, 1)) or listener.counter("detect.alert") > before)
    told = restarts(wire)[0]
    assert (told["state"], told["cause"], told["worker"], told["starts"]) == ("restarted", "hung", 0, 2)
    assert 1000 <= told["ms"] < 20000
    assert "worker 0 of the dataplane has said nothing for 1." in wire.close()[1]


def test_a_killed_server_comes_back(hosts, service, tmp_path):
    """The client, which was there first, meets it; its socket is taken over when it was killed, and the client meets it
    again."""
    host = hosts()
    socket = tmp_path / "memif.sock"
    listener = service(ALERT, ports=f"memif:{socket}?role=client&id=3", checksums="ignore").ready()
    wire = service("", mode="inline", **{"pair.a": f"afxdp:{host.port}", "checksums": "ignore",
                                         "pair.b": f"memif:{socket},role=server,id=3"}).ready()
    for starts in (2, 3):
        wire.wait_for(lambda: host.send(numbered(0, 1)) or listener.counter("detect.alert"))
        os.kill(dataplane(wire), signal.SIGKILL)
        wire.wait_for(lambda n=starts: len(restarts(wire)) == n - 1)
        before = listener.counter("detect.alert")
        wire.wait_for(lambda n=before: host.send(numbered(0, 1)) or listener.counter("detect.alert") > n)


def test_a_pair_that_must_stay_open(hosts, service, tmp_path):
    engine = service("", mode="inline", **{"pair.a": f"afxdp:{hosts().port}", "pair.fail_open_required": "yes",
                                           "pair.b": f"memif:{tmp_path}/m.sock,role=server,id=3"})
    engine.process.wait(60)
    assert "pair.fail_open_required: " in engine.close()[1]
