"""Intelligence on a running engine: alerts as a contact starts, drops in the wire, findings announced once."""
import os
import signal
import threading
import time

from live import hosts, service  # noqa: F401 (fixtures)
from packets import dns_lookup
from test_kill import children
from test_live_afxdp import get, web_server


def test_an_indicator_alerts_from_then_on(hosts, service):
    host = hosts()
    engine = service("", ports=f"afxdp:{host.port}").ready()
    host.send(dns_lookup("later.example.com", "203.0.113.9"))
    engine.wait_for(lambda: len(engine.events("dns")) >= 2)
    rows = engine.cli("intel", "add", "domain", "later.example.com", "--threat", "Later")
    assert [(r["client"], r["count"]) for r in rows] == [("10.0.0.10", 1)]
    engine.wait_for(lambda: engine.events("retro"))
    finding, = engine.events("retro")
    assert finding["retro"]["indicator"] == "later.example.com" and finding["retro"]["count"] == 1

    def alerted():
        host.send(dns_lookup("later.example.com", "203.0.113.9", port=41000 + int(time.time()) % 1000))
        time.sleep(0.2)
        return engine.events("alert")
    engine.wait_for(alerted)
    assert engine.events("alert")[0]["alert"]["intel"]["threat"] == "Later"
    # The pair is known: nothing new is announced.
    engine.cli("retro", "scan")
    time.sleep(0.5)
    assert len(engine.events("retro")) == 1
    status, stderr = engine.close()
    assert status == 0, stderr


def test_dropped_before_the_first_byte(hosts, service):
    a, b = hosts("10.9.0.1/24"), hosts("10.9.0.2/24")
    engine = service("", mode="inline", **{"pair.a": f"afxdp:{a.port}", "pair.b": f"afxdp:{b.port}",
                                           "checksums": "ignore", "intel.action": "drop"}).ready()
    server = web_server(b)
    try:
        assert get(a, "/") == "200"
        engine.cli("intel", "add", "url", "10.9.0.2:8000/magic", "--threat", "Test")
        end = time.monotonic() + 10
        while get(a, "/magic", seconds=1) not in ("", "200") and time.monotonic() < end:
            if engine.events("alert"):
                break
        alerts = engine.events("alert")
        assert alerts and alerts[0]["alert"]["action"] == "blocked"
        assert get(a, "/") == "200"
        assert engine.conserved()
    finally:
        server.kill()


def test_findings_are_announced_once_whatever_dies(hosts, service):
    host = hosts()
    engine = service("", ports=f"afxdp:{host.port}").ready()
    names = [f"n{i}.example.com" for i in range(200)]
    for at in range(0, len(names), 50):
        host.send([p for n in names[at:at + 50] for p in dns_lookup(n, "203.0.113.9")])
    engine.wait_for(lambda: len(engine.events("dns")) >= 400)
    path = os.path.join(engine.folder, "list")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(names))
    kills = 0
    for delay in (0.01, 0.05, 0.1, 0.2):
        thread = threading.Thread(target=engine.cli, args=("intel", "import", "list", path),
                                  kwargs={"check": False})
        thread.start()
        time.sleep(delay)
        control = children(engine.process.pid).get("metsuke-control")
        if control:
            os.kill(control, signal.SIGKILL)
            kills += 1
        thread.join()
        engine.ready()
    engine.cli("intel", "import", "list", path)
    engine.wait_for(lambda: len(engine.events("retro")) >= 200)
    time.sleep(1)
    told = [e["retro"]["indicator"] for e in engine.events("retro")]
    assert sorted(told) == sorted(names) and kills > 0
    assert len(engine.cli("retro", "findings")) == 200
    status, stderr = engine.close()
    assert status == 0, stderr
