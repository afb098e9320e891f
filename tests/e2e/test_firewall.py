"""Firewall rules: what they let through, what becomes of the rest, and what is told of both."""
import json
import subprocess

from scapy.utils import wrpcap

from conftest import METSUKE
from packets import Clock, http_get

# Every state of a request is accepted, but one path is not; responses are accepted whole.
RULES = r"""
accept:hook tcp:all any any <> any 80 (sid:1;)
accept:hook http1:request_started any any -> any any (sid:10;)
drop:flow,alert http1:request_line any any -> any any (msg:"forbidden"; http.uri; content:"/secret"; startswith; sid:11;)
accept:tx,alert http1:request_line any any -> any any (msg:"fine"; http.method; content:"GET"; sid:12;)
"""


def run(tmp_path, firewall, packets, *more, check=True):
    wrpcap(str(tmp_path / "in.pcap"), packets)
    (tmp_path / "firewall.rules").write_text(firewall)
    (tmp_path / "other.rules").write_text('alert http any any -> any any (msg:"seen"; http.uri; content:"/"; sid:100;)\n')
    command = [METSUKE, "inspect", "-q", "--firewall-rules", tmp_path / "firewall.rules", "-S", tmp_path / "other.rules",
               "-o", tmp_path / "out", "--set", "eve.types.drop.enabled=yes", "--set", "eve.types.drop.flows=all",
               *more, tmp_path / "in.pcap"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if not check:
        return done
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "out" / "eve.json", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def alerts(events):
    return sorted(e["alert"]["signature_id"] for e in events if e["event_type"] == "alert")


def reasons(events):
    return {e["drop"]["reason"] for e in events if e["event_type"] == "drop"}


def test_states_are_accepted_one_by_one(tmp_path):
    clock = Clock()
    packets = http_get(path="/open", clock=clock, sport=50001) + http_get(path="/secret/x", clock=clock, sport=50002)
    events = run(tmp_path, RULES, packets, "--set", "mode=inline")
    assert alerts(events) == [11, 12, 100]  # other rules see what is let through alone
    assert reasons(events) == {"firewall rules", "firewall flow drop"}
    assert {e["flow"].get("action") for e in events if e["event_type"] == "flow"} == {None, "drop"}
    assert all(e["alert"]["engine"] == ("td" if e["alert"]["signature_id"] == 100 else "fw") for e in events if e["event_type"] == "alert")


def test_what_no_rule_accepts_is_dropped(tmp_path):
    events = run(tmp_path, "accept:hook udp:all any any -> any any (sid:1;)\n", http_get(), "--set", "mode=inline")
    assert alerts(events) == [] and reasons(events) == {"firewall default packet policy"}
    stats = [e for e in events if e["event_type"] == "stats"][-1]["stats"]
    assert stats["firewall"]["accepted"] == 0 and stats["firewall"]["blocked"] == stats["decoder"]["pkts"] and stats["ips"]["accepted"] == 0


def test_policies_decide_where_no_rule_does(tmp_path):
    events = run(tmp_path, "", http_get(), "--set", "mode=inline", "--set", "firewall.policies.default_policy=accept:hook")
    assert alerts(events) == [100] and reasons(events) == set()


def test_a_rule_that_is_wrong_stops_the_start(tmp_path):
    done = run(tmp_path, "accept tcp:all any any -> any any (sid:1;)\n", http_get(), "--set", "mode=inline", check=False)
    assert done.returncode == 1 and "firewall.rules:1:1: firewall rule 1 cannot be loaded: action accept of a firewall rule has no scope" in done.stderr
    done = run(tmp_path, RULES, http_get(), check=False)
    assert done.returncode == 1 and "firewall.enabled needs mode: inline" in done.stderr
