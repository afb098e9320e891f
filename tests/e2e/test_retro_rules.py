"""New behaviour and YARA rules over a store that was written before they existed."""
import hashlib
import json
import os
import subprocess

from conftest import METSUKE, TOP
from live import service  # noqa: F401 (fixture)
from packets import CLIENT, SERVER, Clock, dns_lookup, http_get

PROGRAM = b"MZ" + bytes(range(256)) * 4

SIGMA = """\
title: telemetry name
id: 1
level: high
logsource:
    category: dns
detection:
    selection:
        query|endswith: .evil.example
    condition: selection
---
title: program from an address
level: medium
logsource:
    category: proxy
detection:
    selection:
        cs-host|re: '^[0-9.]+$'
        c-uri|endswith: .exe
    condition: selection
---
title: many lookups
logsource:
    category: dns
detection:
    selection:
        dns.type: request
    timeframe: 1m
    condition: selection | count(query) by src_ip >= 3
---
title: a Windows rule
logsource:
    product: windows
    category: process_creation
detection:
    selection:
        Image|endswith: cmd.exe
    condition: selection
---
title: field nobody has
logsource:
    category: proxy
detection:
    selection:
        cs-cookie|contains: x
    condition: selection
"""


def story():
    clock = Clock()
    names = ["a.evil.example", "b.evil.example", "www.good.example"]
    lookups = [p for i, n in enumerate(names) for p in dns_lookup(n, SERVER, clock, port=41000 + i)]
    return lookups + http_get(SERVER, "/x/setup.exe", body=PROGRAM, clock=clock)


def rules(run, tmp_path, name, text, *options):
    path = tmp_path / name
    path.write_text(text)
    return run.cli("retro", "rules", str(path), *options)


def test_behaviour_rules(inspect, tmp_path):
    run = inspect(story(), "")
    result = rules(run, tmp_path, "test.yml", SIGMA)
    found = {m["rule"]: m for m in result["matches"]}
    assert set(found) == {"telemetry name", "program from an address", "many lookups"}
    name = found["telemetry name"]
    assert name["count"] == 4  # two names, asked and answered
    assert name["first"].startswith("2023-11-14T22:13:20.00") and name["first"] < name["last"]
    assert CLIENT in name["hosts"]
    assert name["samples"][0]["dns"]["queries"][0]["rrname"] == "a.evil.example"
    assert found["many lookups"]["count"] == 1
    assert result["judged"] == 3 and result["rules"] == 5
    assert [(n["rule"], n["line"]) for n in result["not_judged"]] == [("a Windows rule", 32), ("field nobody has", 44)]
    assert "process_creation" in result["not_judged"][0]["reason"]
    assert "cs-cookie" in result["not_judged"][1]["reason"]


def test_window(inspect, tmp_path):
    run = inspect(story(), "")
    result = rules(run, tmp_path, "test.yml", SIGMA, "--since", "2023-11-15")
    assert result["matches"] == [] and result["events"] == 0


def test_what_a_person_sees(inspect, tmp_path):
    run = inspect(story(), "")
    path = tmp_path / "test.yml"
    path.write_text(SIGMA)
    out = subprocess.run([METSUKE, "retro", "rules", str(path), "--store", os.path.join(run.folder, "store")],
                         check=True, capture_output=True, text=True, timeout=60).stdout
    assert "telemetry name" in out and "3 of 5 rules judged" in out
    assert f"{path}:32" in out and "Cannot be judged" in out


def test_yara_by_hash_and_size(inspect, tmp_path):
    run = inspect(story(), "", ["--set", "file_hashes=sha256"])
    digest = hashlib.sha256(PROGRAM).hexdigest()
    result = rules(run, tmp_path, "test.yar", f'''
import "hash"
rule the_program {{ condition: hash.sha256(0, filesize) == "{digest}" }}
rule its_report {{ meta: hash = "{digest.upper()}" strings: $mz = "MZ" condition: $mz at 0 }}
rule too_big {{ condition: filesize > 1GB }}
''' .replace("1GB", "1000MB"))
    assert {m["rule"] for m in result["matches"]} == {"the_program", "its_report"}
    assert result["matches"][0]["samples"][0]["fileinfo"]["sha256"] == digest
    assert result["not_judged"] == []
    # Without hashes it says so.
    bare = inspect(story(), "")
    result = rules(bare, tmp_path, "test.yar", f'import "hash"\nrule h {{ condition: hash.sha256(0, filesize) == "{digest}" }}')
    assert result["matches"] == [] and "hashes" in result["not_judged"][0]["reason"]


def test_our_own_rules_load(inspect):
    run = inspect(story(), "")
    result = run.cli("retro", "rules", os.path.join(TOP, "rules/behaviour"))
    assert all("no records of this kind" in n["reason"] for n in result["not_judged"]), result["not_judged"]
    assert json.dumps(result["matches"]).count("A program fetched from an address") == 1


def test_of_any_size(inspect, tmp_path):
    """A file longer than a line of the control socket."""
    path = tmp_path / "big.yml"
    path.write_text(SIGMA + "# " + "x" * 300000 + "\n")
    run = inspect(dns_lookup("www.example.com", "203.0.113.7"))
    assert run.cli("retro", "rules", str(path))["rules"] >= 5



def test_by_the_running_engine(service, tmp_path):
    """The control process in its sandbox, over what it has stored so far."""
    engine = service("", ports="null:").ready()
    path = tmp_path / "test.yar"
    path.write_text('import "hash"\nimport "pe"\nrule t { meta: md5 = "' + "0" * 32 + '" condition: pe.is_pe }\n')
    sigma = tmp_path / "test.yml"
    sigma.write_text(SIGMA)
    result = engine.cli("retro", "rules", str(path), str(sigma))
    assert result["rules"] == 6 and result["matches"] == []
    assert any("no file records" in n["reason"] for n in result["not_judged"])
    sigma.write_text(SIGMA + "# " + "x" * 70000 + "\n")
    assert engine.cli("retro", "rules", str(sigma))["rules"] == 5
    assert engine.cli("status")["dataplane"]["state"] == "running"
