"""Live on memif: two engines joined by shared memory, one in the wire, one listening behind it."""
from live import hosts, service  # noqa: F401 (fixtures)
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
