"""Captured packets: over captures by configuration, and on a running engine by the CLI."""
import glob
import os
import signal
import time

import pcapng
from live import hosts, service  # noqa: F401 (fixtures)
from packets import Clock, dns_lookup, tcp_session
from scapy.all import IP, UDP, Ether, Raw, fragment
from test_kill import children

RULE = 'alert tcp any any -> any any (msg:"deep"; content:"needle"; sid:5; rev:3;)\n'
EVIDENCE = ["--set", "capture.enabled=yes"]


def everything(folder):
    return [p for path in sorted(glob.glob(os.path.join(folder, "pcap", "*.pcapng"))) for p in pcapng.read(path)]


def story():
    """A look-up, a session with the needle in its middle, another session at the same time."""
    clock = Clock()
    return (dns_lookup("example.org", "203.0.113.7", clock) +
            tcp_session([("c", b"GET /a HTTP/1.0\r\n\r\n"), ("s", b"HTTP/1.0 200 OK\r\nContent-Length: 14\r\n\r\nneedle and hay"),
                         ("c", b"more"), ("s", b"more")], clock) +
            tcp_session([("c", b"nothing to see")], clock, sport=50001))


def test_the_whole_flow_of_an_alert_is_kept(inspect):
    packets = story()
    run = inspect(packets, RULE, EVIDENCE)
    kept = everything(run.folder)
    flow = [bytes(p) for p in packets if p.haslayer("TCP") and 50000 in (p["TCP"].sport, p["TCP"].dport)]
    assert [p.data for p in kept] == flow
    assert {p.interface for p in kept} == {"capture"} and {p.link_type for p in kept} == {1}
    assert [p.ns // 1000 for p in kept] == sorted(p.ns // 1000 for p in kept)
    said = [p for p in kept if p.comments]
    assert [p.comments for p in said] == [["alert 1:5:3 deep"]]
    alert, = run.events("alert")
    assert os.path.exists(os.path.join(run.folder, "pcap", alert["capture_file"]))


def test_without_memory_only_what_follows_is_kept(inspect):
    run = inspect(story(), RULE, EVIDENCE + ["--set", "capture.recent=0"])
    kept = everything(run.folder)
    assert kept[0].comments == ["alert 1:5:3 deep"] and 1 < len(kept) < 12


def test_everything_with_a_filter_and_a_snaplen(inspect):
    packets = story()
    run = inspect(packets, RULE, EVIDENCE + ["--set", "capture.alerts=no", "--set", "capture.filter=udp port 53",
                                             "--set", "capture.snaplen=40"])
    kept = everything(run.folder)
    assert [(p.data, p.wire_len) for p in kept] == [(bytes(p)[:40], len(p)) for p in packets[:2]]
    assert "capture_file" not in run.events("alert")[0], "its packets do not pass the filter"


def test_a_bad_filter_is_told(inspect):
    run = inspect(story(), RULE, EVIDENCE + ["--set", "capture.filter=prot 53"])
    assert run.status == 1 and 'capture.filter: the filter "prot 53" is not understood' in run.stderr


def test_cut_off_is_of_each_flow(inspect):
    clock = Clock()
    long = tcp_session([("s", b"x" * 1000)] * 20, clock) + tcp_session([("s", b"y" * 100)], clock, sport=50001)
    run = inspect(long, "", EVIDENCE + ["--set", "capture.alerts=no", "--set", "capture.cut_off=5000"])
    kept = everything(run.folder)
    assert 4000 < sum(p.wire_len for p in kept if b"x" in p.data) < 7000
    assert any(b"y" * 100 in p.data for p in kept)


def test_files_are_rotated_and_the_oldest_go(inspect):
    clock = Clock()
    long = tcp_session([("s", b"x" * 1000)] * 200, clock)
    sets = ["--set", "capture.alerts=no", "--set", "capture.file_size=20000"]
    run = inspect(long, "", EVIDENCE + sets)
    files = glob.glob(os.path.join(run.folder, "pcap", "*.pcapng"))
    assert len(files) > 10 and all(os.path.getsize(f) < 26000 for f in files)
    assert [p.data for p in everything(run.folder)] == [bytes(p) for p in long]
    run = inspect(long, "", EVIDENCE + sets + ["--set", "capture.budget=100000"])
    assert sum(os.path.getsize(f) for f in glob.glob(os.path.join(run.folder, "pcap", "*.pcapng"))) < 130000


def test_fragments_are_evidence(inspect):
    clock = Clock()
    whole = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / fragment(
        IP(src="10.0.0.1", dst="10.0.0.2", id=7) / UDP(sport=1, dport=2) / Raw(b"a" * 900 + b"needle"), fragsize=400)[0]
    parts = [clock.stamp(Ether(src=whole.src, dst=whole.dst) / p) for p in fragment(
        IP(src="10.0.0.1", dst="10.0.0.2", id=7) / UDP(sport=1, dport=2) / Raw(b"a" * 900 + b"needle"), fragsize=400)]
    run = inspect(parts, RULE.replace("alert tcp", "alert udp"), EVIDENCE)
    kept = everything(run.folder)
    assert [p.data for p in kept] == [bytes(p) for p in parts] and kept[-1].comments == ["alert 1:5:3 deep"]


def datagrams(count, first=0, port=9999):
    return [Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.9.0.1", dst="10.9.0.2") /
            UDP(sport=1024, dport=port) / Raw(b"number %06d" % i) for i in range(first, first + count)]


def numbers(folder):
    return [int(p.data[-6:]) for p in everything(folder) if b"number" in p.data]


def test_started_and_stopped_on_a_running_engine(hosts, service):
    host = hosts()
    sensor = service(ports=f"afxdp:{host.port}").ready()
    assert sensor.cli("captures") == []
    assert sensor.cli("capture", "start", "a", "--filter", "udp dst port 9999")["name"] == "a"
    assert sensor.cli("capture", "start", "a", check=False) is None, "one of this name runs"
    host.send(datagrams(100) + datagrams(50, port=53))
    sensor.wait_for(lambda: sensor.cli("captures")[0]["packets"] == 100)
    row, = sensor.cli("captures")
    assert row["lost"] == 0 and row["what"] == "all" and row["filter"] == "udp dst port 9999"
    sensor.cli("capture", "stop", "a")
    host.send(datagrams(10, 500))
    sensor.wait_for(lambda: sensor.counter("capture.rx_packets") >= 160)
    assert sensor.cli("captures") == [] and sensor.cli("capture", "stop", "a", check=False) is None
    sensor.close()
    assert numbers(sensor.folder) == list(range(100))
    assert {p.interface for p in everything(sensor.folder)} == {f"afxdp:{host.port}"}


def test_it_ends_by_itself_and_names_are_not_asked_for(hosts, service):
    host = hosts()
    sensor = service(ports=f"afxdp:{host.port}").ready()
    assert sensor.cli("capture", "start", "--filter", "host example.org", check=False) is None
    sensor.cli("capture", "start", "--for", "1s")
    sensor.wait_for(lambda: sensor.cli("captures") == [], seconds=5)


def test_killed_writer_keeps_every_packet_once(hosts, service):
    host = hosts()
    sensor = service(ports=f"afxdp:{host.port}").ready()
    sensor.cli("capture", "start", "--filter", "udp")
    for i in range(20):
        host.send(datagrams(200, i * 200))
        if i % 4 == 1:
            os.kill(children(sensor.process.pid)["metsuke-capture"], signal.SIGKILL)
    sensor.wait_for(lambda: sensor.cli("captures")[0]["packets"] == 4000)
    time.sleep(0.5)
    sensor.close()
    assert numbers(sensor.folder) == list(range(4000))


def test_a_dataplane_started_anew_goes_on(hosts, service):
    host = hosts()
    sensor = service(ports=f"afxdp:{host.port}").ready()
    sensor.cli("capture", "start", "a", "--filter", "udp")
    sensor.cli("capture", "start", "b")
    sensor.cli("capture", "stop", "b")
    host.send(datagrams(10))
    sensor.wait_for(lambda: sensor.cli("captures")[0]["packets"] == 10)
    os.kill(children(sensor.process.pid)["metsuke-datapla"], signal.SIGKILL)
    time.sleep(1.1)
    sensor.ready().wait_for(lambda: [r["name"] for r in sensor.cli("captures", check=False) or []] == ["a"])
    host.send(datagrams(10, 10))
    sensor.wait_for(lambda: sensor.cli("captures")[0]["packets"] == 10)
    sensor.close()
    assert numbers(sensor.folder) == list(range(20))


def test_in_the_wire_a_dropped_packet_says_why(hosts, service):
    left, right = hosts("10.9.0.1/24"), hosts("10.9.0.2/24")
    sensor = service(rules='drop udp any any -> any 9999 (msg:"no"; content:"000003"; sid:8;)\n', mode="inline",
                     **{"pair.a": f"afxdp:{left.port}", "pair.b": f"afxdp:{right.port}",
                        "capture.enabled": "yes"}).ready()
    left.send(datagrams(10))
    sensor.wait_for(lambda: len(sensor.events("alert")) == 1)
    sensor.close()
    kept = everything(sensor.folder)
    assert [int(p.data[-6:]) for p in kept if b"number" in p.data] == list(range(10))
    assert [p.comments for p in kept if p.comments][0] == ["dropped: rules", "alert 1:8:0 no"]
