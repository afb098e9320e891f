"""What the end-to-end tests share: the programs, packets, and the engine's answers.

A test reads like a story: packets, the engine, the events that must come.
"""
import json
import os
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("METSUKE_BUILD", os.path.join(TOP, "build"))
METSUKE = os.path.join(BUILD, "metsuke")
METSUKED = os.path.join(BUILD, "metsuked")


def pytest_addoption(parser):
    parser.addoption("--tally", action="store_true", help="close with: N passed, N failed, N skipped")


def pytest_terminal_summary(terminalreporter, config):
    if not config.getoption("--tally"):
        return
    count = {k: len(terminalreporter.stats.get(k, [])) for k in ("passed", "failed", "error", "skipped")}
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"skipped: {report.nodeid}: {report.longrepr[2]}")
    terminalreporter.write_line(f"{count['passed']} passed, {count['failed'] + count['error']} failed, "
                                f"{count['skipped']} skipped")


class Inspection:
    """One run of `metsuke inspect` and what it wrote."""

    def __init__(self, folder, process):
        self.folder = str(folder)
        self.status = process.returncode
        self.stdout = process.stdout
        self.stderr = process.stderr

    def events(self, kind=None, path="eve.json"):
        with open(os.path.join(self.folder, path), encoding="utf-8") as f:
            all_events = [json.loads(line) for line in f]
        return [e for e in all_events if kind in (None, e["event_type"])]

    def sids(self):
        return sorted(e["alert"]["signature_id"] for e in self.events("alert"))

    def cli(self, *words):
        """A command on the store of this run, as JSON."""
        out = subprocess.run([METSUKE, *words, "--json", "--store", os.path.join(self.folder, "store")],
                             check=True, capture_output=True, text=True, timeout=60)
        return json.loads(out.stdout)


@pytest.fixture
def inspect(tmp_path):
    """inspect(packets or [paths], rules="…", options=[…]) → Inspection"""
    from scapy.utils import wrpcap

    def run(packets, rules="", options=()):
        paths = packets
        if not packets or not isinstance(packets[0], str):
            paths = [str(tmp_path / "in.pcap")]
            wrpcap(paths[0], packets)
        rule_file = tmp_path / "test.rules"
        rule_file.write_text(rules)
        out = tmp_path / "out"
        process = subprocess.run(
            [METSUKE, "inspect", "-S", str(rule_file), "-o", str(out), *options, *paths],
            capture_output=True, text=True, timeout=120, check=False)
        return Inspection(out, process)
    return run
