"""The sample capture and our own rules belong together: every rule shows something in it."""
import glob
import os
import re
import subprocess

import pytest
from conftest import TOP

RULES = os.path.join(TOP, "rules/signatures/metsuke.rules")
INFECTED, MAIL_SERVER = "192.168.10.24", "192.168.10.5"


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("sample") / "office.pcap")
    subprocess.run(["/usr/bin/python3", os.path.join(TOP, "tools/sample/office.py"), path], check=True)
    return path


def rules():
    with open(RULES, encoding="utf-8") as f:
        return f.read()


def test_same_seed_same_file(office, tmp_path):
    again = tmp_path / "again.pcap"
    subprocess.run(["/usr/bin/python3", os.path.join(TOP, "tools/sample/office.py"), again], check=True)
    with open(office, "rb") as f:
        assert f.read() == again.read_bytes()


def test_every_packet_is_in_order(office, inspect):
    run = inspect([office])
    decoder = run.events("stats")[-1]["stats"]["decoder"]
    assert decoder["pkts"] > 10000
    assert decoder["invalid"] == decoder["checksum_bad"] == 0
    assert run.events("anomaly") == []


def test_rules_name_the_infected_host_and_nobody_else(office, inspect):
    run = inspect([office], rules())
    alerts = run.events("alert")
    assert {INFECTED, MAIL_SERVER} == {ip for a in alerts for ip in (a["src_ip"], a["dest_ip"])
                                       if ip in (INFECTED, MAIL_SERVER) or ip.startswith("192.168.10.2")}
    every = set(map(int, re.findall(r"sid:(\d+);", rules())))
    assert every <= set(run.sids())


def test_the_other_classes_have_nothing_to_say(office, inspect):
    others = []
    for path in sorted(glob.glob(os.path.join(TOP, "rules/signatures/*.rules"))):
        if path != RULES:
            with open(path, encoding="utf-8") as f:
                others.append(f.read())
    assert len(others) == 9
    assert inspect([office], "".join(others)).sids() == []


def test_who_had_been_there(office, inspect):
    run = inspect([office], rules())
    rows = run.cli("intel", "add", "domain", "update.cdn-telemetry.example", "--note", "from an advisory")
    assert {r["client"] for r in rows} == {INFECTED}
    assert min(r["first"] for r in rows).startswith("2024-05-14T09:41:3")
