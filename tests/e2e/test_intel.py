"""Intelligence: lists in every format, what is refused and why, allow and deny, look-ups."""
import json
import os
import subprocess

import pytest
from conftest import METSUKE
from packets import CLIENT, SERVER, Clock, dns_lookup, http_get

PLAIN = """# a list
evil.example.com
*.wild.example.org
hxxp://bad[.]example[.]net/gate.php
203.0.113.66
198.51.100.0/24
d41d8cd98f00b204e9800998ecf8427f

not a value at all !!
192.168.1.1
com
"""
CSV = """# ID,value,type,threat
"1","c2.example.com","domain","Qbot, the old"
"2","203.0.113.80:443","ip:port","Emotet"
"3","broken \
"""
STIX = {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": [
    {"type": "malware", "spec_version": "2.1", "id": "malware--00000000-0000-4000-8000-000000000002",
     "name": "IcedID", "is_family": True, "created": "2024-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z"},
    {"type": "indicator", "spec_version": "2.1", "id": "indicator--00000000-0000-4000-8000-000000000003",
     "pattern_type": "stix", "pattern": "[domain-name:value = 'iced.example.com'] OR [url:value = 'http://iced.example.org/x']",
     "valid_from": "2024-01-01T00:00:00Z", "created": "2024-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z",
     "confidence": 80},
    {"type": "relationship", "spec_version": "2.1", "id": "relationship--00000000-0000-4000-8000-000000000004",
     "relationship_type": "indicates", "source_ref": "indicator--00000000-0000-4000-8000-000000000003",
     "target_ref": "malware--00000000-0000-4000-8000-000000000002",
     "created": "2024-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z"},
    {"type": "indicator", "spec_version": "2.1", "id": "indicator--00000000-0000-4000-8000-000000000005",
     "pattern_type": "snort", "pattern": "alert tcp any any -> any any", "valid_from": "2024-01-01T00:00:00Z",
     "created": "2024-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z"}]}
MISP = {"Event": {"info": "a campaign", "uuid": "00000000-0000-4000-8000-000000000006", "threat_level_id": "1",
                  "Attribute": [
                      {"type": "domain", "value": "misp.example.com", "to_ids": True, "category": "Network activity"},
                      {"type": "ip-dst|port", "value": "203.0.113.81|8443", "to_ids": True},
                      {"type": "comment", "value": "nothing", "to_ids": False}]}}


@pytest.fixture
def run(inspect):
    clock = Clock()
    return inspect(dns_lookup("evil.example.com", SERVER, clock) + dns_lookup("a.wild.example.org", SERVER, clock) +
                   dns_lookup("notevil.example.com", SERVER, clock, client="10.0.0.11") +
                   http_get("iced.example.org", "/x", clock=clock))


def take(run, tmp_path, name, content, *options):
    path = tmp_path / name
    path.write_text(content)
    result = run.cli("intel", "import", name, str(path), *options)
    assert result["given"] == result["loaded"] + result["refused"]
    return result


def test_plain_list(run, tmp_path):
    result = take(run, tmp_path, "plain", PLAIN)
    assert (result["loaded"], result["refused"]) == (6, 3)
    refused = run.cli("intel", "refused", "plain")
    assert [r["line"] for r in refused] == [9, 10, 11] and all(r["reason"] for r in refused)
    rows = run.cli("retro", "findings")
    assert {(r["client"], r["indicator"]) for r in rows} == {(CLIENT, "evil.example.com"), (CLIENT, "wild.example.org")}


def test_other_formats(run, tmp_path):
    assert take(run, tmp_path, "csv", CSV, "--format", "csv", "--columns", "value=2,threat=4")["loaded"] == 2
    stix = take(run, tmp_path, "stix", json.dumps(STIX))
    assert stix["loaded"] == 2 and stix["refused"] >= 1
    assert take(run, tmp_path, "misp", json.dumps(MISP))["loaded"] == 2
    known, = run.cli("intel", "lookup", "iced.example.com")
    assert known["verdict"] == "bad" and "IcedID" in json.dumps(known)
    assert run.cli("intel", "lookup", "203.0.113.80:443")[0]["verdict"] == "bad"
    found = run.cli("retro", "findings")
    assert [(r["client"], r["kind"], r["indicator"]) for r in found] == [(CLIENT, "url", "iced.example.org/x")]


def test_address_and_port(inspect):
    """Ports share the figures of their address, and the answer says so where there are several."""
    clock = Clock()
    run = inspect(http_get(clock=clock, sport=50001, server="203.0.113.80", dport=443) +
                  http_get(clock=clock, sport=50002, server="203.0.113.80", dport=8080) +
                  http_get(clock=clock, sport=50003, server="203.0.113.81", dport=443))
    both, = run.cli("retro", "indicator", "203.0.113.80:443")
    assert both["ports"] == [443, 8080] and both["count"] == 2 and both["whole_address"]
    one, = run.cli("retro", "indicator", "203.0.113.81:443")
    assert one["ports"] == [443] and one["count"] == 1 and "whole_address" not in one
    assert run.cli("retro", "indicator", "203.0.113.81:8080") == []


def test_replace_takes_out_what_does_not_come_again(run, tmp_path):
    take(run, tmp_path, "feed", "one.example.com\ntwo.example.com\n")
    result = take(run, tmp_path, "feed", "two.example.com\nthree.example.com\n")
    assert (result["fresh"], result["same"], result["removed"]) == (1, 1, 1)
    assert {r["value"] for r in run.cli("intel", "list")} == {"two.example.com", "three.example.com"}


def test_allow_beats_deny_and_findings_follow(run, tmp_path):
    take(run, tmp_path, "plain", "evil.example.com\n")
    assert [r["state"] for r in run.cli("retro", "findings")] == ["new"]
    run.cli("intel", "allow", "domain", "example.com", "--subdomains")
    assert run.cli("intel", "lookup", "evil.example.com")[0]["verdict"] != "bad"
    assert run.cli("retro", "findings") == []
    run.cli("intel", "del", "domain", "example.com", "--source", "allowed")
    assert [r["state"] for r in run.cli("retro", "findings")] == ["new"]


def test_a_list_that_is_not_kept(run, tmp_path):
    path = tmp_path / "iocs"
    path.write_text("evil.example.com\nabsent.example.com\n")
    rows = run.cli("retro", "scan", "--file", str(path))
    assert [(r["client"], r["indicator"], r["count"]) for r in rows] == [(CLIENT, "evil.example.com", 1)]
    assert run.cli("intel", "list") == []


def test_states_and_history(run, tmp_path):
    take(run, tmp_path, "plain", "evil.example.com\n")
    finding, = run.cli("retro", "findings")
    run.cli("retro", "set", str(finding["id"]), "acknowledged", "--note", "called the user")
    shown = run.cli("retro", "finding", str(finding["id"]))
    assert shown["state"] == "acknowledged"
    assert shown["changes"][-1]["note"] == "called the user" and shown["changes"][-1]["by"]
    assert any(e["event_type"] == "dns" for e in shown["evidence"]["events"])
    run.cli("retro", "scan")
    assert run.cli("retro", "findings", "--state", "new") == []


def test_tables_for_people(run, tmp_path):
    take(run, tmp_path, "plain", "evil.example.com\n")
    store = os.path.join(run.folder, "store")
    table = subprocess.run([METSUKE, "retro", "indicator", "evil.example.com", "--store", store],
                           check=True, capture_output=True, text=True).stdout
    assert table.splitlines()[1].startswith("first") and "█" in table or "▁" in table
    csv = subprocess.run([METSUKE, "retro", "findings", "--csv", "--store", store],
                         check=True, capture_output=True, text=True).stdout
    assert csv.splitlines()[0].startswith("id,state,client") and "evil.example.com" in csv


def test_live_alert_from_a_list(inspect, tmp_path):
    path = tmp_path / "iocs"
    path.write_text("evil.example.com\n")
    run = inspect(dns_lookup("evil.example.com", SERVER) + dns_lookup("good.example.com", SERVER), "",
                  ["--intel", str(path)])
    alert, = run.events("alert")
    assert alert["alert"]["intel"]["indicator"] == "evil.example.com"
    assert alert["src_ip"] == CLIENT and alert["alert"]["intel"]["source"] == "iocs"
