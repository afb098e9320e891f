"""Sessions that rest between their packets (stream.rest) are told of as those that do not, to the byte: the sessions of
our own signatures, and some that wait in the middle of something, all at once and each packet long after the one before."""
import json
import os
import subprocess
import sys
from datetime import datetime

import pytest
from conftest import METSUKE, TOP
from packets import Clock, dns_lookup, http_get, tcp_session
from scapy.all import PcapReader, wrpcap
from signatures.session import capture
from test_signatures import ROWS

SECONDS = 0.02  # between packets: of a session they are further apart than a burst, and than it takes to rest
LIMITED = {9004044}  # alerts of one source once a minute: which one depends on when it is told of
RULES = """
alert tcp any any -> any any (msg:"over two turns"; flow:established; content:"first half"; content:"second half"; distance:0; sid:1;)
alert http any any -> any any (msg:"later request"; http.uri; content:"/again"; sid:2;)
alert tcp any any -> any any (msg:"never acknowledged"; flow:to_server; content:"left hanging"; sid:3;)
"""


def waiting():
    """What rests in the middle: of words, of a line, of a request, between requests, unacknowledged, behind a hole."""
    pieces = [("c", b"first "), ("s", b"go on"), ("c", b"half, then the second"), ("s", b"?"), ("c", b" half")]
    request = b"GET /again HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n" + b"x" * 700
    alive = [("c", request), ("s", answer[:90]), ("s", answer[90:])] * 3
    cut = [("c", request[n:n + 7]) for n in range(0, len(request), 7)] + [("s", answer[n:n + 99])
                                                                         for n in range(0, len(answer), 99)]
    mail = [("s", b"220 here\r\n"), ("c", b"EHLO a\r\n"), ("s", b"250 x\r\n"), ("c", b"MAIL FROM:<a@b.c>\r\n"),
            ("s", b"250 ok\r\n"), ("c", b"RCPT TO:<d@e.f>\r\n"), ("s", b"250 ok\r\n"), ("c", b"DATA\r\n"),
            ("s", b"354 go\r\n"), ("c", b"Subject: x\r\n\r\nhalf"), ("c", b" of it\r\n.\r\n"), ("s", b"250 done\r\n")]
    talks = [(pieces, 20000), (alive, 80), (cut, 80), (mail, 25), ([("c", b"hello " * 700), ("s", b"yes " * 900)] * 3, 20001)]
    sessions = [tcp_session(turns, Clock(), sport=41000 + n, dport=port, close=n % 2 == 0)
                for n, (turns, port) in enumerate(talks * 2)]
    hanging = tcp_session([("c", b"said"), ("c", b"left hanging")], Clock(), sport=42000, dport=20002, close=False)[:-1]
    hole = tcp_session([("c", b"one"), ("c", b"two"), ("c", b"three")], Clock(), sport=42001, dport=20003)
    return sessions + [hanging, hole[:3] + hole[5:], http_get(clock=Clock(), sport=42002)]


def key(packet):
    ip = packet.payload
    ports = (ip.payload.sport, ip.payload.dport) if hasattr(ip.payload, "sport") else (0, 0)
    return tuple(sorted([(ip.src, ports[0]), (ip.dst, ports[1])]))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """One packet of each session, then the second of each, and so on."""
    folder = tmp_path_factory.mktemp("rest")
    capture(str(folder / "own.pcap"), [s for row in ROWS for s in [row.hit, *row.near]])
    sessions = {}
    for packet in PcapReader(str(folder / "own.pcap")):
        sessions.setdefault(key(packet), []).append(packet)
    sessions = list(sessions.values()) + waiting()
    packets = [s[n] for n in range(max(map(len, sessions))) for s in sessions if n < len(s)]
    clock = Clock(step=SECONDS)
    wrpcap(str(folder / "all.pcap"), [clock.stamp(p) for p in packets])
    (folder / "own.rules").write_text(RULES)
    return folder


def told(folder, name, options):
    out = folder / name
    subprocess.run([METSUKE, "inspect", "-q", "-S", os.path.join(TOP, "rules/signatures/*.rules"), "-S", str(folder / "own.rules"),
                    "--set", "file_hashes=[md5]", *options, "-o", str(out), str(folder / "all.pcap")], check=True, timeout=300)
    with open(out / "eve.json", encoding="utf-8") as f:
        return [line for line in f if json.loads(line)["event_type"] != "stats"]


def alerted(lines):
    return {json.loads(line)["alert"]["signature_id"] for line in lines if '"event_type":"alert"' in line}


def told_of(lines):
    """What was told of each session and its transactions, without when it was, and what was known of it by then."""
    records = [json.loads(line) for line in lines]
    return sorted({(r["event_type"], r["flow_id"], r.get("tx_id", -1), r.get("alert", {}).get("signature_id", 0),
                    json.dumps(r.get("fileinfo", r.get("flow", "")) if r["event_type"] in ("fileinfo", "flow") else "", sort_keys=True))
                   for r in records if r.get("alert", {}).get("signature_id") not in LIMITED})


def test_rest_changes_nothing_in_the_wire(story):
    awake = told(story, "awake-wire", ["--set", "stream.rest=0", "--set", "mode=inline"])
    rested = told(story, "rested-wire", ["--set", "stream.rest=1", "--set", "mode=inline"])
    assert {1, 2, 3} <= alerted(awake) and len(alerted(awake)) > 100
    assert rested == awake


def test_rest_changes_nothing_but_the_time_on_a_tap(story):
    """What waited for a packet of its own direction is told of as the session comes to rest."""
    awake = told(story, "awake", ["--set", "stream.rest=0"])
    rested = told(story, "rested", ["--set", "stream.rest=1"])
    assert {1, 2, 3} <= alerted(awake) and len(alerted(awake)) > 100
    assert told_of(rested) == told_of(awake)


def test_an_answer_is_looked_at_while_its_session_idles(tmp_path):
    """The client's acknowledgement came last, then nothing for ten minutes: the alert does not wait for the end."""
    clock = Clock()
    session = http_get(body=b"here comes the dropper", clock=clock)
    idle, closing = session[:-3], session[-3:]
    for i in range(1200): # time goes on from burst to burst
        clock.now = idle[0].time + (i + 1) / 2
        idle.append(dns_lookup("tick.example.com", "192.0.2.7", clock, port=30000 + i)[0])
    clock.now += 5
    wrpcap(str(tmp_path / "idle.pcap"), idle + [clock.stamp(p) for p in closing])
    (tmp_path / "one.rules").write_text('alert http any any -> any any (msg:"dropper"; flow:to_client; '
                                        'file.data; content:"dropper"; sid:9;)\n')
    subprocess.run([METSUKE, "inspect", "-q", "-S", str(tmp_path / "one.rules"), "--set", "flow.timeouts.tcp.established=3600",
                    "-o", str(tmp_path / "out"), str(tmp_path / "idle.pcap")], check=True, timeout=60)
    records = [json.loads(line) for line in open(tmp_path / "out" / "eve.json", encoding="utf-8")]
    assert [r["alert"]["signature_id"] for r in records if r["event_type"] == "alert"] == [9]
    for kind in ("alert", "http", "fileinfo"):
        found = [r for r in records if r["event_type"] == kind]
        assert len(found) == 1
        after = datetime.fromisoformat(found[0]["timestamp"]).timestamp() - float(session[0].time)
        assert 0 < after < 2 * 30 + 5, kind


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
