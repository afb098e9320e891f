"""The whole path, once: capture → parsers → rules → ring → store, eve.json → who was there."""
from packets import CLIENT, SERVER, Clock, dns_lookup, http_get, tcp_session

RULES = """
alert dns any any -> any any (msg:"bot name"; dns.query; content:"evil.example"; nocase; sid:1;)
alert http any any -> any any (msg:"gate"; http.uri; content:"/gate.php"; http.host; content:"evil.example"; sid:2;)
alert http any any -> any any (msg:"never"; http.uri; content:"/never"; sid:3;)
alert tcp any any -> any 4444 (msg:"raw"; content:"HELLO"; depth:5; sid:4;)
"""


def story():
    clock = Clock()
    return (dns_lookup("www.EVIL.example", SERVER, clock) +
            http_get("www.evil.example", "/gate.php?id=7", clock=clock) +
            tcp_session([("c", b"HELLO master"), ("s", b"hi")], clock, sport=50001, dport=4444))


def test_alerts_and_records(inspect):
    run = inspect(story(), RULES)
    assert run.status == 0, run.stderr
    assert run.sids() in ([1, 2, 4], [1, 2, 4, 4])  # 4: the packet, and perhaps the stream
    assert [e["dns"]["type"] for e in run.events("dns")] == ["request", "response"]
    http, = run.events("http")
    assert http["http"]["hostname"] == "www.evil.example"
    assert http["http"]["url"] == "/gate.php?id=7"
    assert http["http"]["status"] == 200
    assert len(run.events("flow")) == 3


def test_every_alert_is_in_the_store(inspect):
    run = inspect(story(), RULES)
    stored = run.cli("alerts")
    assert sorted(a["alert"]["signature_id"] for a in stored) == run.sids()


def test_who_was_there(inspect):
    """The name becomes known after the fact."""
    run = inspect(story(), "")
    rows = run.cli("intel", "add", "domain", "evil.example", "--subdomains",
                   "--note", "from an advisory")
    assert {r["client"] for r in rows} == {CLIENT}
    assert min(r["first"] for r in rows).startswith("2023-11-14T22:13:20.00")
    assert sum(r["count"] for r in rows) >= 2


def test_each_capture_alone(inspect, tmp_path):
    from scapy.utils import wrpcap
    paths = [str(tmp_path / "a.pcap"), str(tmp_path / "b.pcap")]
    wrpcap(paths[0], dns_lookup("a.evil.example", SERVER))
    wrpcap(paths[1], http_get("www.evil.example", "/gate.php"))
    run = inspect(paths, RULES, ["--each"])
    assert run.status == 0, run.stderr
    assert [e["alert"]["signature_id"] for e in run.events("alert", paths[0].lstrip("/") + "/eve.json")] == [1]
    assert [e["alert"]["signature_id"] for e in run.events("alert", paths[1].lstrip("/") + "/eve.json")] == [2]
