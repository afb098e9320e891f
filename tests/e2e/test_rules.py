"""Rules as something to work on: how one was understood, why it did not match, what it costs, what
a new version changes."""
import json
import os
import subprocess

from scapy.utils import wrpcap

from conftest import METSUKE, TOP
from live import service  # noqa: F401 (fixture)
from packets import SERVER, Clock, dns_lookup, http_get, tcp_session

RULES = """
alert http $HOME_NET any -> any [80,8080] (msg:"gate"; flow:established,to_server; http.uri; content:"/gate.php"; \
http.host; content:"evil.example"; flowbits:isset,seen; sid:2; rev:3; \
threshold:type limit, track by_src, count 1, seconds 60;)
alert tcp any any -> any 80 (msg:"first sight"; content:"GET"; depth:3; noalert; flowbits:set,seen; sid:3;)
alert dns any any -> any any (msg:"a name"; dns.query; content:"evil.example"; nocase; sid:4;)
"""


def metsuke(*words, status=0):
    process = subprocess.run([METSUKE, *words], capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == status, process.stderr
    return process.stdout if status == 0 else process.stderr


def write(folder, text, name="test.rules"):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_explained_as_json(tmp_path):
    e = json.loads(metsuke("rules", "explain", "2", write(tmp_path, RULES), "--json",
                           "--set", "vars.addresses.HOME_NET=[10.0.0.0/8,!10.9.0.0/16]"))
    assert (e["gid"], e["sid"], e["rev"], e["action"]) == (1, 2, 3, "alert")
    assert e["header"]["source"]["written"] == "$HOME_NET"
    assert e["header"]["source"]["addresses"] == "10.0.0.0-10.8.255.255, 10.10.0.0-10.255.255.255"
    assert e["header"]["destination"]["ports"] == "80, 8080"
    assert e["header"]["state"] == ["established", "to server"]
    assert e["prefilter"]["literal"] in ("/gate.php", "evil.example")
    assert {c["literal"] for c in e["prefilter"]["candidates"]} == {"/gate.php", "evil.example"}
    assert e["checks"][0] == {"on": "packet and flow", "check": "flowbits:isset,seen"}
    assert [r["sid"] for r in e["depends_on"][0]["rules"]] == [3]
    assert e["limits"] == ["threshold: type limit, track by source, count 1, seconds 60"]


def test_explained_for_people(tmp_path):
    rules = write(tmp_path, RULES)
    text = metsuke("rules", "explain", "3", rules)
    assert '"GET" in payload' in text and "it is the only content that must be there" in text
    assert "asked for by 1:2 gate" in text
    text = metsuke("rules", "explain", "1:2", write(tmp_path, RULES.replace("bits:set,seen", "bits:set,other")))
    assert "no other rule that loads sets it: the condition never holds" in text


def test_explaining_what_does_not_load(tmp_path):
    rules = write(tmp_path, 'alert tcp any any -> any 80 (content:"x"; dept:4; sid:9;)\n')
    assert "did you mean depth?" in metsuke("rules", "explain", "9", rules, status=1)
    assert "there is no rule 8" in metsuke("rules", "explain", "8", rules, status=1)
    assert "is no rule number" in metsuke("rules", "explain", "x8", rules, status=1)


def test_rates_of_rules_are_checked_and_explained(tmp_path):
    rules = write(tmp_path, RULES)
    limits = ["--set", "detect.threshold_file=" + write(
        tmp_path, "rate_limit gen_id 1, sig_id 2, track by_src, kbps 500\n"
                  "rate_limit gen_id 1, sig_id 4, track by_src\n", "threshold.config")]
    e = json.loads(metsuke("rules", "explain", "2", rules, "--json", *limits))
    assert "rate_limit: track by source, 500 kbit/s" in e["limits"]
    text = metsuke("rules", "check", rules, *limits)
    assert "threshold.config:2:1: remark: rate_limit needs one of kbps" in text
    assert "1 of them would be held to a rate (rate_limit): mode is tap" in text
    assert "1 of them are held to a rate" in metsuke("rules", "check", rules, *limits, "--set", "mode=inline")


# ---- why it did not match ----

TESTED = """
alert http any any -> any any (msg:"gate"; http.uri; content:"/gate.php"; http.host; content:"evil.example"; sid:2;)
alert http any any -> any any (msg:"never"; http.uri; content:"/never"; sid:4;)
alert tcp any any -> any 4444 (msg:"case"; content:"hello"; depth:5; sid:6;)
alert tcp any any -> any 9999 (msg:"ports"; content:"HELLO"; sid:7;)
alert tcp any any -> any 4444 (msg:"number"; content:"HELLO"; byte_test:2,=,10,0,relative; sid:8;)
alert tcp any any -> any 4444 (msg:"quiet"; content:"HELLO"; noalert; sid:10;)
alert udp any any -> any 4444 (msg:"transport"; sid:11;)
"""


def capture(folder):
    clock = Clock()
    path = str(folder / "in.pcap")
    wrpcap(path, dns_lookup("www.EVIL.example", SERVER, clock) +
           http_get("www.evil.example", "/gate.php?id=7", clock=clock) +
           http_get("www.example.com", "/gate.php?id=9", clock=clock, sport=50010) +
           tcp_session([("c", b"HELLO master 42"), ("s", b"hi")], clock, sport=50001, dport=4444))
    return path


def tried(folder, sid, rules=TESTED):
    return json.loads(metsuke("rules", "test", str(sid), capture(folder), write(folder, rules), "--json"))


def test_why_it_matched(tmp_path):
    t = tried(tmp_path, 2)
    assert t["matched"] and t["alerts"] == 1
    assert [s["result"] for s in t["steps"] if s["packet"] == 9] == ["matched", "alert"]  # the client's next after the acknowledgement
    other, = [s for s in t["steps"] if s["result"] == "literal not there"]
    assert other["buffer"] == "http.host" and other["excerpt"] == "www.example.com"


def test_why_the_literal_was_not_found(tmp_path):
    t = tried(tmp_path, 4)
    assert t["hits"] == 0 and not t["matched"]
    assert t["summary"].endswith('its prefilter literal "/never" was never found in http.uri')
    assert [s["excerpt"] for s in t["steps"]] == ["/gate.php?id=7", "/gate.php?id=9"]


def test_why_a_condition_failed(tmp_path):
    t = tried(tmp_path, 8)
    assert t["furthest"]["condition"] == "byte_test:2, =, 10, 0, relative"
    assert t["furthest"]["why"] == "the number there is 8301"
    assert (t["furthest"]["held"], t["furthest"]["conditions"]) == (2, 3)
    assert t["furthest"]["excerpt"] == " master 42" and t["furthest"]["excerpt_at"] == 5
    text = metsuke("rules", "test", "8", capture(tmp_path), write(tmp_path, TESTED))
    assert text.splitlines()[-1].startswith(
        'did not match: in 1 packet the prefilter literal "HELLO" was found in payload; the furthest that it got: ')


def test_why_in_one_sentence(tmp_path):
    assert "in another case (nocase)" in tried(tmp_path, 6)["summary"]
    assert tried(tmp_path, 7)["summary"].endswith("packets fits the rule's head; 30 fail at the ports")
    assert "noalert" in tried(tmp_path, 10)["summary"]
    t = tried(tmp_path, 11)
    assert "none of the" in t["summary"] and t["head"]["protocol"] > t["head"].get("ports", 0)


def test_a_rule_that_the_engine_cannot_judge(tmp_path):
    t = tried(tmp_path, 5, 'alert http any any -> any any (msg:"m"; frame:http1.request; content:"a"; '
                           'frame:http1.response; content:"b"; sid:5;)\n')
    assert t["summary"].startswith("cannot match: ") and "two kinds of frames" in t["summary"]


def test_events_that_no_protocol_has(inspect, tmp_path):
    """`rules check` and the engine know the same events."""
    text = "".join(f"alert {head} (app-layer-event:{event}; sid:{sid};)\n" for sid, (head, event) in enumerate((
        ("smb any any -> any any", "smb.nonsense_here"), ("smb any any -> any any", "smb.Malformed_Data"),
        ("mdns any any -> any any", "mdns.z_flag_set"), ("tcp any any -> any any", "http.missing_host_header"),
        ("ip any any -> any any", "applayer_unexpected_protocol"), ("ip any any -> any any", "applayer_nonsense")), 1))
    told = subprocess.run([METSUKE, "rules", "check", write(tmp_path, text, "e.rules")], capture_output=True, text=True,
                          timeout=60, check=False).stdout
    assert ':1:51: app-layer-event: smb: there is no event "nonsense_here"' in told
    assert ':6:46: app-layer-event: there is no event "applayer_nonsense"' in told
    assert "4 of 6 active rules load" in told
    assert "4 loaded, 2 refused" in inspect(dns_lookup("a.example", SERVER), text).stdout


def test_frames_that_no_protocol_has(inspect, tmp_path):
    """So with frames."""
    frames = (("tls", "pdu", 1), ("tls", "tls.pdu", 1), ("tls", "smb.nbss.pdu", 0), ("tls", "nonsense", 0), ("smb", "nbss.pdu", 1),
              ("smb", "smb.nbss.pdu", 1), ("tcp", "smb2.hdr", 1), ("tcp", "pdu", 0), ("tcp", "ssh.record.hdr", 1), ("tcp", "http.stream", 1),
              ("http", "http1.request", 1), ("http", "http2.pdu", 1), ("dns", "pdu", 1), ("tcp", "ftp.command", 0), ("smtp", "stream", 1), ("enip", "enip.item", 1), ("enip", "enip.enip.item", 1))
    text = "".join(f'alert {head} any any -> any any (frame:{name}; content:"abcd"; sid:{sid};)\n'
                   for sid, (head, name, _) in enumerate(frames, 1))
    told = subprocess.run([METSUKE, "rules", "check", write(tmp_path, text, "f.rules")], capture_output=True, text=True,
                          timeout=60, check=False).stdout
    assert ':4:37: frame: there is no frame "nonsense"' in told
    refused = [sid for sid, (_, _, good) in enumerate(frames, 1) if not good]
    assert [n for n in range(1, len(frames) + 1) if f"f.rules:{n}:" in told] == refused, told
    assert f"{len(frames) - len(refused)} loaded, {len(refused)} refused" in inspect(dns_lookup("a.example", SERVER), text).stdout


def test_a_flow_that_another_rule_passes(tmp_path):
    t = tried(tmp_path, 6, 'alert tcp any any -> any 4444 (content:"master"; dsize:15; sid:6;)\n'
                           'pass tcp any any -> any 4444 (content:"HELLO"; dsize:15; sid:7;)\n')
    assert t["matches"] == 1 and t["alerts"] == 0
    assert "rule 1:7 before it passed the packet" in t["summary"]


def test_testing_what_is_not_there(tmp_path):
    assert "there is no rule 99" in metsuke("rules", "test", "99", capture(tmp_path), write(tmp_path, TESTED), status=1)
    assert "cannot be read" in metsuke("rules", "test", "4", "/nonexistent.pcap", write(tmp_path, TESTED), status=1)


# ---- what it costs ----

COSTLY = TESTED + 'alert tcp any any -> any any (msg:"every packet"; dsize:>1; sid:20;)\n'


def test_costs_at_the_end_of_a_run(inspect, tmp_path):
    run = inspect([capture(tmp_path)], COSTLY, ["--rule-stats", "--json"])
    assert run.status == 0, run.stderr
    rows = {r["sid"]: r for r in json.loads(run.stdout)["rule_stats"]}
    assert rows[2]["alerts"] == rows[2]["matches"] == 1
    assert rows[10]["matches"] == 1 and rows[10]["alerts"] == 0
    assert rows[20]["candidates"] > rows[20]["matches"] == run.sids().count(20)
    assert all(r["cycles"] > 0 for r in rows.values())
    assert 4 not in rows  # its literal never came up
    cycles = [r["cycles"] for r in json.loads(run.stdout)["rule_stats"]]
    assert cycles == sorted(cycles, reverse=True)


def test_costs_of_a_running_engine(service, tmp_path):
    engine = service(COSTLY, ports=f"pcap:{capture(tmp_path)}", **{"detect.profile": "yes"}).ready()
    engine.wait_for(lambda: engine.counter("decoder.pkts") >= 32)
    engine.wait_for(lambda: engine.cli("rules", "stats")["rules"] >= 4)
    rows = {r["sid"]: r for r in engine.cli("rules", "stats")["rows"]}
    assert rows[2]["alerts"] == 1 and rows[20]["candidates"] > 0
    assert len(engine.cli("rules", "stats", "--limit", "1")["rows"]) == 1
    engine.cli("rules", "reload")
    assert engine.cli("rules", "stats")["rows"] == []


def test_costs_that_are_not_counted(service, tmp_path):
    engine = service(COSTLY, ports=f"pcap:{capture(tmp_path)}").ready()
    assert "detect.profile" in metsuke("rules", "stats", "--socket", engine.socket, status=1)


# ---- what a new version changes ----

def test_what_a_new_version_changes(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    write(old, RULES, "a.rules")
    write(new, RULES.replace("rev:3", "rev:4").replace("/gate.php", "/door.php"), "a.rules")
    write(new, 'alert tcp any any -> any 1 (msg:"new"; sid:50;)\n', "b.rules")
    d = json.loads(metsuke("rules", "diff", str(old), str(new), "--json"))
    assert (d["summary"]["added"], d["summary"]["changed"], d["summary"]["removed"]) == (1, 1, 0)
    changed, added = d["rules"]
    assert changed["sid"] == 2 and changed["parts"] == ["options", "revision"] and changed["keywords"] == "content"
    assert added["sid"] == 50 and added["change"] == "added"
    lines = metsuke("rules", "diff", str(old), str(new)).splitlines()
    assert lines[0] == "changed  1:2  rev 3 -> 4  [options revision: content]  gate"
    assert lines[-1] == "1 added, 0 removed, 0 enabled, 0 disabled, 1 changed"
    assert "cannot be read" in metsuke("rules", "diff", str(old), "/nonexistent.rules", status=1)


# ---- rules that mean harm ----

def test_hostile_rules_are_bounded():
    """A short run of the soak program: changed rules load or are refused in bounded time and memory."""
    done = subprocess.run([os.path.join(TOP, "tests", "soak", "hostile_rules"), "--count", "25"], capture_output=True,
                          text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "26 passed, 0 failed, 0 skipped"


# ---- the image of a loaded set ----

def records(inspect, folder, rules, cache):
    """What does not change from run to run, in any order; and what was said."""
    path = capture(folder)
    rules += "".join(f'alert tcp any any -> any 7 (msg:"one of many"; content:"filler {i}"; sid:{i};)\n'
                     for i in range(1000, 1600))
    run = inspect([path], rules, ["--set", f"detect.cache={cache}"])
    assert run.status == 0, run.stderr
    assert run.events("alert")
    return sorted(json.dumps({k: v for k, v in e.items() if k != "flow_id"}, sort_keys=True)
                  for e in run.events() if e["event_type"] != "stats"), run.stderr


def test_the_image_changes_nothing(inspect, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    without = records(inspect, tmp_path, RULES + TESTED, "/proc/none")
    cold = records(inspect, tmp_path, RULES + TESTED, cache)
    image, = cache.glob("*.rules-image")
    made = image.stat().st_mtime_ns
    assert without[0] == cold[0] and cold == records(inspect, tmp_path, RULES + TESTED, cache)
    assert image.stat().st_mtime_ns == made


def test_a_damaged_image_is_told_of_and_made_anew(inspect, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    good, said = records(inspect, tmp_path, TESTED, cache)
    assert "not used" not in said
    image, = cache.glob("*.rules-image")
    whole = image.read_bytes()
    image.write_bytes(whole[:9000] + b"x" + whole[9001:])
    again, said = records(inspect, tmp_path, TESTED, cache)
    assert f"{image} is not used, and is made anew: it is damaged" in said
    assert good == again and image.read_bytes() == whole
