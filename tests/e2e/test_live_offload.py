"""Flows released from inspection, forwarded by the program in the kernel (AF_XDP, pair.kernel_bypass)."""
import time

from live import hosts, service  # noqa: F401 (fixtures)
from scapy.all import IP, UDP, Ether, Raw
from test_live_afxdp import frames_in, get, listen, web_server, wire

RELEASE = 'alert udp any any -> any 9999 (msg:"released"; content:"number "; bypass; sid:7;)\n'


def frames(count, sport=5000):
    """Of one flow."""
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    return [link / IP(src="10.9.0.1", dst="10.9.0.2") / UDP(sport=sport, dport=9999) / Raw(b"number %08d" % i)
            for i in range(count)]


def kernel_forwards(engine, host, count=1):
    """Sends until the kernel has forwarded so much more; how many were sent."""
    sent, before = 0, engine.counter("flow_bypassed.pkts")
    while engine.counter("flow_bypassed.pkts") < before + count:
        host.send(frames(50))
        sent += 50
        assert sent < 20000, engine.cli("counters", "")
        time.sleep(0.02)
    return sent


def test_the_kernel_forwards_and_counts_released_flows(hosts, service, tmp_path):
    a, b, settings = wire(hosts)
    engine = service(RELEASE, **settings, **{"pair.kernel_bypass": "yes"}).ready()
    listener = listen(b, 4, str(tmp_path / "got"))
    sent = kernel_forwards(engine, a, 500)
    listener.wait()
    assert frames_in(tmp_path / "got") == sent
    assert engine.counter("flow_bypassed.kernel_active") == 1 and engine.conserved()
    status, stderr = engine.close()
    assert status == 0, stderr
    flow, = [e["flow"] for e in engine.events("flow") if e.get("dest_port") == 9999]
    size = len(bytes(frames(1)[0]))
    assert (flow["pkts_toserver"], flow["bytes_toserver"]) == (sent, sent * size)
    assert flow["bypass"] == "capture" and 0 < flow["bypassed"]["pkts_toserver"] < sent
    assert flow["bypassed"]["bytes_toserver"] == flow["bypassed"]["pkts_toserver"] * size


def test_blocks_and_limits_hold_for_released_flows(hosts, service):
    a, _, settings = wire(hosts)
    engine = service(RELEASE, **settings, **{"pair.kernel_bypass": "yes"}).ready()
    kernel_forwards(engine, a)
    engine.cli("block", "10.9.0.1")
    kernel, blocked = engine.counter("flow_bypassed.pkts"), engine.counter("ips.drop_reason.block")
    a.send(frames(100))
    engine.wait_for(lambda: engine.counter("ips.drop_reason.block") >= blocked + 100)
    assert engine.counter("flow_bypassed.pkts") - kernel < 50, "what was told late"
    engine.cli("block", "10.9.0.1", "--rate", "80kbit")
    a.send(frames(500))
    engine.wait_for(lambda: engine.counter("ips.drop_reason.rate_limit") > 300)
    assert engine.counter("flow_bypassed.kernel_active") == 0
    engine.cli("unblock", "10.9.0.1")
    kernel_forwards(engine, a)
    assert engine.conserved()


def test_a_download_through_the_kernel(hosts, service, tmp_path):
    """Handshake, request and end are the engine's, the rest is the kernel's; the flow record has it all."""
    a, b = hosts("10.9.0.1/24"), hosts("10.9.0.2/24")
    for host in (a, b):
        host.run("ethtool", "-K", host.inside, "gro", "on", "tso", "off", "gso", "off")
    with open(tmp_path / "bulk", "wb") as f:
        f.truncate(300 << 20)
    engine = service('alert http any any -> any any (msg:"bulk"; http.uri; content:"/bulk"; bypass; sid:1;)\n',
                     mode="inline", workers="2", **{"pair.a": f"afxdp:{a.port}", "pair.b": f"afxdp:{b.port}",
                                                    "pair.kernel_bypass": "yes"}).ready()
    server = web_server(b, tmp_path)
    try:
        assert get(a, "/bulk", seconds=60) == "200"
        engine.wait_for(lambda: engine.counter("flow_bypassed.bytes") > 0)
        assert get(a, "/", seconds=10) == "200"
    finally:
        server.kill()
    assert engine.conserved()
    engine.close()
    flow, = [e["flow"] for e in engine.events("flow") if e["flow"].get("bypass") == "capture"]
    assert flow["bytes_toclient"] > 300 << 20
    assert flow["bytes_toclient"] > flow["bypassed"]["bytes_toclient"] > 100 << 20
    assert flow["pkts_toserver"] > flow["bypassed"]["pkts_toserver"] > 0
    assert len(engine.events("http")) == 2


def test_ports_that_cannot(hosts, service):
    engine = service("", mode="inline", **{"pair.a": f"afxdp:{hosts().port}", "pair.b": f"afxdp:{hosts().port}",
                                           "pair.kernel_bypass": "yes", "pair.heartbeat_ms": "0"})
    engine.process.wait(60)
    assert "pair.kernel_bypass needs both ports of the pair on AF_XDP" in engine.close()[1]
