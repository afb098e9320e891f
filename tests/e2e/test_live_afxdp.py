"""Live on AF_XDP: a tap that listens, and a pair in the wire."""
import os
import random
import signal
import time

import pytest
from live import busy_script, hosts, service  # noqa: F401 (fixtures)
from scapy.all import IP, UDP, Dot1Q, Ether, Raw
from test_kill import children

ALERT = 'alert udp any any -> any 9999 (msg:"numbered"; content:"number "; sid:7;)\n'


def numbered(first, count, sport=1024, dport=9999):
    return [Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.9.0.1", dst="10.9.0.2") /
            UDP(sport=sport + i % 50000, dport=dport) / Raw(b"number %08d" % i)
            for i in range(first, first + count)]


def listen(host, seconds, out):
    """Writes every frame that the host receives, as hex, into the file, until so long nothing comes."""
    code = (f"import socket, time\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))\n"
            f"s.bind(('{host.inside}', 3)); s.settimeout(0.2)\n"
            "s.setsockopt(263, 8, 1)\n"  # PACKET_AUXDATA: tags that the kernel took off
            "s.setsockopt(1, 33, 64 << 20)\n"  # SO_RCVBUFFORCE
            f"f = open('{out}', 'w'); f.write('ready\\n'); f.flush()\n"
            f"end = time.monotonic() + {seconds}\n"
            "while time.monotonic() < end:\n"
            "    try: b, aux, _, a = s.recvmsg(65536, 256)\n"
            "    except TimeoutError: continue\n"
            "    if a[2] == 4: continue\n"
            "    for _, _, d in aux:\n"
            "        import struct; st = struct.unpack('=IIIHHHH', d[:20])\n"
            "        if st[0] & 16: b = b[:12] + struct.pack('!HH', st[6] or 0x8100, st[5]) + b[12:]\n"
            f"    f.write(b.hex() + '\\n'); f.flush(); end = time.monotonic() + {seconds}\n")
    process = host.start("/usr/bin/python3", "-c", code)
    while not (os.path.exists(out) and os.path.getsize(out)):
        assert process.poll() is None
        time.sleep(0.02)
    return process


def web_server(host, folder="/usr/share/misc"):
    server = host.start("/usr/bin/python3", "-m", "http.server", "8000", "--directory", str(folder))
    for _ in range(100):
        if "8000" in host.run("ss", "-ltn").stdout:
            return server
        time.sleep(0.05)
    raise AssertionError("the web server does not start")


def get(host, path, port=8000, seconds=3):
    code = ("import urllib.request, sys\n"
            f"r = urllib.request.urlopen('http://10.9.0.2:{port}{path}', timeout={seconds})\n"
            "r.read()\nprint(r.status)")
    done = host.run("/usr/bin/python3", "-c", code)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_tap_listens_and_never_sends(hosts, service):
    host = hosts()
    engine = service(ALERT, ports=f"afxdp:{host.port}").ready()
    host.send(numbered(0, 300))
    engine.wait_for(lambda: len(engine.events("alert")) >= 300)
    assert engine.counter("capture.tx_packets") == 0
    assert engine.conserved()
    status, stderr = engine.close()
    assert status == 0, stderr
    alerts = engine.events("alert")
    assert len(alerts) == 300 and {e["in_iface"] for e in alerts} == {host.port}
    assert len(engine.events("flow")) >= 300


def test_what_a_full_queue_loses_is_counted(hosts, service):
    host = hosts()
    engine = service("", ports=f"afxdp:{host.port}").ready()
    dataplane = children(engine.process.pid)["metsuke-datapla"]
    code = (f"import socket\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind(('{host.inside}', 0))\n"
            f"for _ in range(9000): s.send({bytes(numbered(0, 1)[0])!r})\n")
    os.kill(dataplane, signal.SIGSTOP)
    try:
        host.run("/usr/bin/python3", "-c", code)
    finally:
        os.kill(dataplane, signal.SIGCONT)

    def told():
        return engine.counter("decoder.udp") + engine.counter("capture.rx_missed")

    engine.wait_for(lambda: engine.counter("capture.rx_missed") > 0 and told() >= 9000)
    assert told() < 9020  # of what was lost some may be the neighbour's own
    assert engine.close()[0] == 0


def test_pair_forwards_every_byte(hosts, service, tmp_path):
    a, b = hosts(), hosts()
    engine = service("", mode="inline", **{"pair.a": f"afxdp:{a.port}", "pair.b": f"afxdp:{b.port}",
                                           "checksums": "ignore"}).ready()
    dice = random.Random(5)
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    sent = [link / IP(src="10.9.0.1", dst="10.9.0.2") / UDP(sport=5, dport=6) / Raw(dice.randbytes(n))
            for n in range(0, 1400, 7)]
    sent += [link / Dot1Q(vlan=7) / IP(src="10.9.0.1", dst="10.9.0.3") / Raw(b"in a VLAN")]
    sent += [Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", type=0x88b5) / Raw(dice.randbytes(100))]
    out = tmp_path / "received"
    listener = listen(b, 4, out)
    a.send(sent)
    listener.wait(60)
    received = set(out.read_text().split())
    missing = [p for p in sent if bytes(p).hex() not in received]
    assert not missing, missing[0].summary()
    assert engine.conserved()


def test_pair_drops_rejects_and_blocks(hosts, service):
    a, b = hosts("10.9.0.1/24"), hosts("10.9.0.2/24")
    rules = ('drop http any any -> any any (msg:"evil"; http.uri; content:"/evil"; sid:1;)\n'
             'reject tcp any any -> any 8081 (msg:"refused"; flags:S; sid:2;)\n')
    engine = service(rules, mode="inline", **{"eve.types.drop.enabled": "yes", "pair.a": f"afxdp:{a.port}",
                                              "pair.b": f"afxdp:{b.port}"}).ready()
    server = web_server(b)
    try:
        assert get(a, "/") == "200"
        assert "200" not in get(a, "/evil")
        assert "refused" in get(a, "/", port=8081)
        assert get(a, "/") == "200"
        engine.cli("block", "10.9.0.2")
        assert "200" not in get(a, "/")
        engine.cli("unblock", "10.9.0.2")
        assert get(a, "/", seconds=10) == "200"
        engine.wait_for(lambda: {e["alert"]["signature_id"] for e in engine.events("alert")} == {1, 2})
        assert {e["alert"]["action"] for e in engine.events("alert")} == {"blocked"}
        engine.wait_for(lambda: {"rules", "reject", "block"} <=
                        {e["drop"]["reason"] for e in engine.events("drop")})
        assert engine.counter("ips.rejected") >= 1
        assert engine.conserved()
    finally:
        server.kill()


def test_a_rate_limit_holds_over_restarts(hosts, service):
    a, b = hosts("10.9.0.1/24"), hosts("10.9.0.2/24")
    engine = service("", mode="inline", **{"eve.types.drop.enabled": "yes", "pair.a": f"afxdp:{a.port}",
                                           "pair.b": f"afxdp:{b.port}"}).ready()
    engine.cli("block", "10.9.0.1", "--rate", "80kbit", "--for", "1h")  # 1000 bytes in the burst of 100 ms
    engine.cli("block", "192.0.2.0/24")

    def told_again():
        a.send(numbered(0, 300))
        return engine.counter("ips.drop_reason.rate_limit") >= 100

    engine.wait_for(told_again)
    engine.wait_for(lambda: "rate limit" in {e["drop"]["reason"] for e in engine.events("drop")})
    assert len([e for e in engine.events("drop") if e["drop"]["reason"] == "rate limit"]) < 10, "one a second"
    assert engine.conserved()
    for process in ("metsuke-datapla", "metsuke-control"):
        os.kill(children(engine.process.pid)[process], signal.SIGKILL)
        engine.ready()
        before = engine.counter("ips.drop_reason.rate_limit")
        engine.wait_for(lambda: told_again() and engine.counter("ips.drop_reason.rate_limit") > before)
        rows = {r["address"]: r for r in engine.cli("blocks")}
        assert rows["10.9.0.1/32"]["rate"] == 80000 and "until" in rows["10.9.0.1/32"]
        assert "rate" not in rows["192.0.2.0/24"]
    engine.cli("unblock", "10.9.0.1")
    assert [r["address"] for r in engine.cli("blocks")] == ["192.0.2.0/24"]


def test_one_flow_is_blocked(hosts, service):
    """Its packets, both ways, and no other's; it holds over a restart of the dataplane."""
    a, b = hosts("10.9.0.1/24"), hosts("10.9.0.2/24")
    engine = service(ALERT, mode="inline", **{"pair.a": f"afxdp:{a.port}", "pair.b": f"afxdp:{b.port}"}).ready()
    flow = "10.9.0.1:1030-10.9.0.2:9999/udp"
    engine.cli("block", flow, "--for", "1h")
    assert [r["address"] for r in engine.cli("blocks")] == [flow]
    a.send(numbered(0, 20))
    engine.wait_for(lambda: len(engine.events("alert")) >= 19)
    assert {e["src_port"] for e in engine.events("alert")} == {*range(1024, 1044)} - {1030}
    assert engine.counter("ips.drop_reason.block") == 1
    os.kill(dataplane(engine), signal.SIGKILL)
    engine.wait_for(lambda: engine.events("uninspected"))
    engine.wait_for(lambda: a.send(numbered(6, 1)) or engine.counter("ips.drop_reason.block") >= 1)
    engine.cli("unblock", flow)
    assert engine.cli("unblock", flow, check=False) is None and engine.cli("blocks") == []
    before = len(engine.events("alert"))
    a.send(numbered(6, 1))
    engine.wait_for(lambda: len(engine.events("alert")) > before)
    assert engine.conserved()


def test_what_a_rule_matches_is_held_to_a_rate(hosts, service, tmp_path):
    """A download of 200 kB at 800 kbit/s takes two seconds and is whole; another is not touched."""
    a, b = hosts("10.9.0.1/24"), hosts("10.9.0.2/24")
    limits = tmp_path / "threshold.config"
    limits.write_text("rate_limit gen_id 1, sig_id 1, track by_flow, kbps 800\n")
    (tmp_path / "bulk").write_bytes(bytes(200_000))
    (tmp_path / "other").write_bytes(bytes(200_000))
    engine = service('drop http any any -> any any (msg:"bulk"; http.uri; content:"/bulk"; sid:1;)\n', mode="inline",
                     **{"eve.types.drop.enabled": "yes", "detect.threshold_file": limits,
                        "pair.a": f"afxdp:{a.port}", "pair.b": f"afxdp:{b.port}"}).ready()
    server = web_server(b, tmp_path)
    try:
        seconds = {}
        for name in ("other", "bulk"):
            start = time.monotonic()
            assert get(a, f"/{name}", seconds=30) == "200"
            seconds[name] = time.monotonic() - start
    finally:
        server.kill()
    assert seconds["bulk"] - seconds["other"] > 1, seconds
    engine.wait_for(lambda: [e["alert"].get("rate_limit") for e in engine.events("alert")] ==
                    [{"track": "by_flow", "kbps": 800, "dropped": False}])
    assert engine.counter("ips.drop_reason.rules_rate_limit") > 0 and engine.conserved()
    assert {e["drop"]["reason"] for e in engine.events("drop")} == {"rules rate_limit"}


def test_two_workers_see_whole_flows(hosts, service):
    a, b = hosts("10.9.0.1/24"), hosts("10.9.0.2/24")
    engine = service("", mode="inline", workers="2", **{"pair.a": f"afxdp:{a.port}",
                                                        "pair.b": f"afxdp:{b.port}"}).ready()
    server = web_server(b)
    try:
        for _ in range(20):
            assert get(a, "/") == "200"
        text = engine.text("top", "--once")
    finally:
        server.kill()
    rows = [line.split() for line in text.split("WORKER")[1].splitlines()[1:]]
    assert [row[0] for row in rows] == ["0", "1"]
    assert any(0 < float(row[8]) <= float(row[9]) <= float(row[10]) <= float(row[11]) for row in rows), text
    assert engine.conserved()
    engine.close()
    flows = [e for e in engine.events("flow") if e.get("app_proto") == "http"]
    assert len(flows) == 20
    assert all(f["flow"]["pkts_toserver"] > 3 and f["flow"]["pkts_toclient"] > 2 for f in flows)
    assert len(engine.events("http")) == 20


def flood(host, path, seconds):
    """A flow with each frame, as fast as they can be sent, from inside the host."""
    code = ("import socket, time\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
            f"s.bind(('{host.inside}', 0))\nframes = [bytes.fromhex(x) for x in open('{path}').read().split()]\n"
            f"end = time.monotonic() + {seconds}\nwhile time.monotonic() < end:\n"
            "    for f in frames: s.send(f)\n    time.sleep(0.001)\n")
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(bytes(p).hex() for p in numbered(0, 2000)))
    return host.start("/usr/bin/python3", "-c", code)


@pytest.mark.parametrize("policy,workers,cause", [("pass", "1", "overload.passed"),
                                                  ("drop", "2", "ips.drop_reason.overload")])
def test_a_worker_that_does_not_keep_up_sheds_new_flows(hosts, service, tmp_path, policy, workers, cause):
    """A rule makes each packet slow. New flows are treated by the policy, that is told of, and it ends."""
    a, b = hosts(), hosts()
    (tmp_path / "slow.lua").write_text(busy_script(20000))
    rule = 'alert udp any any -> any 9999 (msg:"slow"; content:"number "; lua:slow.lua; sid:9;)\n'
    engine = service(rule + ALERT.replace("9999", "9998"), mode="inline", workers=workers,
                     **{"pair.a": f"afxdp:{a.port}", "pair.b": f"afxdp:{b.port}", "checksums": "ignore",
                        "pair.heartbeat_ms": "2000", "lua.dir": tmp_path, "overload.policy": policy}).ready()
    sender = flood(a, str(tmp_path / "frames"), 20)
    engine.wait_for(lambda: engine.counter(cause) > 0)
    assert engine.counter("overload.times") >= 1
    sender.kill()
    engine.wait_for(lambda: engine.counter("overload.workers") == 0)
    engine.wait_for(lambda: "over" in {e["overload"]["state"] for e in engine.events("overload")})
    told = [e["overload"] for e in engine.events("overload")]
    assert [e["state"] for e in told][:2] == ["deep", "new flows"] and {e["policy"] for e in told} == {policy}
    assert told[-1]["passed" if policy == "pass" else "dropped"] > 0
    assert engine.conserved()
    a.send(numbered(0, 20, dport=9998))  # inspected as ever
    engine.wait_for(lambda: len(engine.events("alert")) >= 20)


def test_reload_loses_nothing(hosts, service, tmp_path):
    a, b = hosts(), hosts()
    engine = service(ALERT, mode="inline", **{"pair.a": f"afxdp:{a.port}", "pair.b": f"afxdp:{b.port}",
                                              "checksums": "ignore",
                                              # Passed by, packets would not alert: not for want of a core.
                                              "pair.heartbeat_ms": "5000"}).ready()
    out, count = tmp_path / "received", 4000
    listener = listen(b, 8, out)
    for part in range(4):
        a.send(numbered(part * count // 4, count // 4))
        engine.write_rules(ALERT.replace("sid:7", f"sid:{8 + part}"))
        engine.cli("rules", "reload")
    a.send(numbered(count, 10))
    listener.wait(120)
    assert len({line for line in out.read_text().split() if "6e756d62657220" in line}) == count + 10
    engine.wait_for(lambda: len(engine.events("alert")) >= count + 10)
    engine.close()
    alerts = engine.events("alert")
    assert len(alerts) == count + 10
    assert {e["alert"]["signature_id"] for e in alerts} == {7, 8, 9, 10, 11}


def test_control_killed_while_packets_flow(hosts, service):
    a, b = hosts(), hosts()
    engine = service(ALERT, mode="inline", **{"pair.a": f"afxdp:{a.port}", "pair.b": f"afxdp:{b.port}",
                                              "checksums": "ignore",
                                              # Passed by, packets would not alert: not for want of a core.
                                              "pair.heartbeat_ms": "5000"}).ready()
    before, count = b.count("rx_packets"), 0
    for _ in range(5):
        a.send(numbered(count, 500))
        count += 500
        os.kill(children(engine.process.pid)["metsuke-control"], signal.SIGKILL)
        a.send(numbered(count, 500))
        count += 500
    engine.wait_for(lambda: len(engine.events("alert")) >= count, 60)
    assert b.count("rx_packets") - before >= count
    engine.close()
    ports = [e["src_port"] for e in engine.events("alert")]
    assert len(ports) == count and len(set(ports)) == count


def test_port_that_is_not_there(service):
    engine = service("", ports="afxdp:nowhere0")
    engine.process.wait(30)
    status, stderr = engine.close()
    assert status != 0
    assert 'there is no interface "nowhere0"' in stderr
    assert stderr.count("nowhere0") == 1


# ---- a pair without its engine ----

def wire(hosts):
    """Two hosts; frames that the kernel redirects reach a veth's end only where it polls (GRO)."""
    a, b = hosts(), hosts()
    for host in (a, b):
        host.run("ethtool", "-K", host.inside, "gro", "on")
    return a, b, {"mode": "inline", "pair.a": f"afxdp:{a.port}", "pair.b": f"afxdp:{b.port}", "checksums": "ignore"}


def stream(host, path, count, rate):
    """Numbered frames, so many a second, from inside the host; ends by itself."""
    frames = "\n".join(bytes(p).hex() for p in numbered(0, 200))
    code = ("import socket, time\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
            f"s.bind(('{host.inside}', 0))\nframes = [bytes.fromhex(x) for x in open('{path}').read().split()]\n"
            f"start = time.monotonic()\nfor i in range({count}):\n    s.send(frames[i % 200])\n"
            f"    time.sleep(max(0, start + i / {rate} - time.monotonic()))\n")
    with open(path, "w", encoding="ascii") as f:
        f.write(frames)
    return host.start("/usr/bin/python3", "-c", code)


def frames_in(path):
    with open(path, encoding="ascii") as f:
        return sum(b"number ".hex() in line for line in f)


def dataplane(engine):
    return children(engine.process.pid)["metsuke-dataplane"[:15]]  # as the kernel keeps it


def test_frames_pass_a_killed_engine(hosts, service, tmp_path):
    """kill -9: frames pass by in the kernel at once, and go to the engine again when it is back."""
    a, b, settings = wire(hosts)
    engine = service(ALERT, **settings).ready()
    listener = listen(b, 3, str(tmp_path / "got"))
    sender = stream(a, str(tmp_path / "frames"), 3000, 500)
    engine.wait_for(lambda: engine.events("alert"))
    os.kill(dataplane(engine), signal.SIGKILL)
    sender.wait()
    listener.wait()
    engine.ready()
    # What its rings held when it was killed is lost, and no more.
    assert frames_in(tmp_path / "got") >= 3000 - 150
    engine.wait_for(lambda: engine.counter("capture.passed_by") > 0)
    before = len(engine.events("alert"))
    a.send(numbered(0, 20))
    engine.wait_for(lambda: len(engine.events("alert")) >= before + 20)
    told = engine.events("uninspected")[0]["uninspected"]
    assert (told["state"], told["cause"], told["signal"], told["starts"]) == ("restarted", "killed", 9, 2)
    latency = engine.cli("top", "--once")["latency_us"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p99.9"] <= latency["max"]


def test_frames_pass_a_stalled_engine(hosts, service, tmp_path):
    a, b, settings = wire(hosts)
    engine = service(ALERT, watchdog_ms="60000", **settings).ready()
    os.kill(dataplane(engine), signal.SIGSTOP)
    time.sleep(0.2)
    listener = listen(b, 2, str(tmp_path / "got"))
    a.send(numbered(0, 200))
    listener.wait()
    assert frames_in(tmp_path / "got") == 200
    os.kill(dataplane(engine), signal.SIGCONT)
    time.sleep(0.2)
    a.send(numbered(0, 30))
    engine.wait_for(lambda: len(engine.events("alert")) >= 30)
    assert engine.events("uninspected")[0]["uninspected"]["state"] == "stalled"
    assert engine.counter("capture.stalls") >= 1


def test_an_engine_that_stays_stopped_is_ended(hosts, service, tmp_path):
    """Frames pass all the time; within two seconds it is killed and started again, and inspects what comes."""
    a, b, settings = wire(hosts)
    engine = service(ALERT, **settings).ready()
    listener = listen(b, 3, str(tmp_path / "got"))
    sender = stream(a, str(tmp_path / "frames"), 5000, 500)
    engine.wait_for(lambda: engine.events("alert"))
    os.kill(dataplane(engine), signal.SIGSTOP)
    engine.wait_for(lambda: engine.cli("status")["dataplane"]["hangs"] == 1)
    engine.ready()
    sender.wait()
    listener.wait()
    assert frames_in(tmp_path / "got") >= 5000 - 150
    told = [e["uninspected"] for e in engine.events("uninspected") if e["uninspected"]["state"] == "restarted"]
    assert [t["cause"] for t in told] == ["hung"] and 2000 <= told[0]["ms"] < 20000
    before = len(engine.events("alert"))
    a.send(numbered(0, 20))
    engine.wait_for(lambda: len(engine.events("alert")) >= before + 20)


def test_frames_pass_a_stopped_engine_unless_told_otherwise(hosts, service, tmp_path):
    a, b, settings = wire(hosts)
    for fail_open, passed in (("yes", 100), ("no", 0)):
        engine = service(ALERT, **settings, **{"pair.fail_open": fail_open}).ready()
        status, stderr = engine.close()
        assert status == 0, stderr
        listener = listen(b, 2, str(tmp_path / fail_open))
        a.send(numbered(0, 100))
        listener.wait()
        assert frames_in(tmp_path / fail_open) == passed
