"""Live on memif: two engines joined by shared memory, one in the wire, one listening behind it."""
from live import busy_script, hosts, service  # noqa: F401 (fixtures)
from test_live_afxdp import ALERT, numbered


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


def test_a_worker_that_stalls_is_passed_by(hosts, service, tmp_path):
    """No kernel stands in for memif: the dispatcher sends frames past a worker that says nothing for too long."""
    host = hosts()
    socket = tmp_path / "memif.sock"
    (tmp_path / "stall.lua").write_text(busy_script(400000000))
    rule = 'alert udp any any -> any 7777 (msg:"stall"; content:"number "; lua:stall.lua; sid:9;)\n'
    wire = service(rule, mode="inline", workers="2", **{
        "pair.a": f"afxdp:{host.port}", "pair.b": f"memif:{socket},role=server,id=3", "checksums": "ignore",
        "lua.dir": tmp_path, "lua.max_instructions": "4000000000"}).ready()
    listener = service(ALERT, ports=f"memif:{socket}?role=client&id=3", checksums="ignore").ready()
    wire.wait_for(lambda: host.send(numbered(0, 1)) or listener.events("alert"))
    before = listener.counter("detect.alert")
    host.send(numbered(0, 1, dport=7777))
    host.send(numbered(1, 100))
    start = wire.counter("capture.passed_by")
    wire.wait_for(lambda: host.send(numbered(200, 20)) or listener.counter("detect.alert") > before + 20)
    wire.wait_for(lambda: wire.counter("capture.passed_by") > start)
    # It has come back: what is sent now goes through it.
    wire.wait_for(lambda: wire.counter("cycles.total") and wire.conserved())
    packets = wire.counter("capture.rx_packets")
    wire.wait_for(lambda: host.send(numbered(300, 1)) or wire.counter("capture.rx_packets") > packets)
    assert "memif:" in wire.close()[1]


def test_a_pair_that_must_stay_open(hosts, service, tmp_path):
    engine = service("", mode="inline", **{"pair.a": f"afxdp:{hosts().port}", "pair.fail_open_required": "yes",
                                           "pair.b": f"memif:{tmp_path}/m.sock,role=server,id=3"})
    engine.process.wait(60)
    assert "pair.fail_open_required: " in engine.close()[1]
