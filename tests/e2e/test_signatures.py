"""Our own signatures, each with a session that it must alert on and one like it that it must not.

rules/signatures/NAME.rules has its rows in signatures/NAME.py. All sessions are one capture and one run.
"""
import glob
import importlib
import json
import os
import re
import subprocess

import pytest
from conftest import METSUKE, TOP
from signatures import weaken
from signatures.session import capture, number_of

FOLDER = os.path.join(TOP, "rules/signatures")
CLASSES = sorted(os.path.basename(path)[:-6] for path in glob.glob(FOLDER + "/*.rules"))
RULE = re.compile(r"^alert (\S+) .*?msg:\"([^\"]+)\";.*classtype:([a-z-]+);.*\bsid:(\d+); rev:\d+;\)$")


def rules(name):
    with open(os.path.join(FOLDER, name + ".rules"), encoding="utf-8") as f:
        return [line.strip() for line in f if line.strip() and not line.startswith("#")]


def rows(name):
    return importlib.import_module("signatures." + name.replace("-", "_")).ROWS


ROWS = [row for name in CLASSES for row in rows(name)]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Session → the sids that alerted on it."""
    folder = tmp_path_factory.mktemp("signatures")
    sessions = [s for row in ROWS for s in [row.hit, *row.near]]
    capture(str(folder / "all.pcap"), sessions)
    out = folder / "out"
    subprocess.run([METSUKE, "inspect", "-q", "-S", FOLDER + "/*.rules", "--set", "detect.strict=yes",
                    "-o", str(out), str(folder / "all.pcap")], check=True, timeout=120)
    sids = {s: set() for s in sessions}
    with open(out / "eve.json", encoding="utf-8") as f:
        for event in map(json.loads, f):
            if event["event_type"] == "alert":
                sids[sessions[number_of(event)]].add(event["alert"]["signature_id"])
    return sids


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.sid))
def test_signature(row, seen):
    assert seen[row.hit] == {row.sid} | row.also
    for number, near in enumerate(row.near):
        assert seen[near] == set(), f"near miss {number}"


@pytest.mark.parametrize("name", CLASSES)
def test_every_signature_has_its_row_and_form(name):
    sids = []
    for line in rules(name):
        form = RULE.match(line)
        assert form, line
        assert form[2].startswith("METSUKE ") and len(form[2]) <= 100, line
        assert re.search(r"metadata:created_at 20\d\d_\d\d_\d\d, confidence (High|Medium|Low), ", line), line
        assert re.search(r"mitre_technique_id T\d{4}(\.\d{3})?\b", line), line
        sids.append(int(form[4]))
    assert [row.sid for row in rows(name)] == sids, "a row for each rule, in the same order"
    assert all(row.near for row in rows(name))


def test_numbers_are_unique():
    sids = [row.sid for row in ROWS]
    assert len(set(sids)) == len(sids) and all(9000001 <= sid <= 9009999 for sid in sids)


def test_near_misses_are_near(capsys):
    far = weaken.main()
    assert not far, capsys.readouterr().out
