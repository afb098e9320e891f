"""Sixty days of which nobody knew: then the name of the control server becomes known.

Five clients among forty had been there, the first more than a month before; the answer is those five
and nobody else, with the first and last contact to the microsecond and the exact count.
"""
import random
import subprocess

import pytest
from conftest import METSUKE, Inspection
from history import DAY, START, History, background, iso

DAYS, EVIL, SERVER = 60, "update-cdn7.example", "203.0.113.66"
CLIENTS = [f"10.20.{i // 10}.{i % 10 + 11}" for i in range(40)]
# Who, from which day to which, how often a day.
VICTIMS = {CLIENTS[31]: (3, 57, 24), CLIENTS[4]: (20, 21, 1), CLIENTS[17]: (33, 59, 3), CLIENTS[8]: (45, 45, 300),
           CLIENTS[26]: (59, 59, 2)}
NEAR = ["not" + EVIL, EVIL + ".org", "www.update-cdn7.example.com", "update-cdn77.example", "cdn7.example", "example"]


def make_history():
    history, dice = History(), random.Random(60)
    background(history, CLIENTS, DAYS, 4, seed=1)
    for client, (first, last, times) in VICTIMS.items():
        for day in range(first, last + 1):
            for i in range(times):
                at = START + day * DAY + (i * DAY + dice.randrange(DAY)) // (times + 1)
                history.visit(at, client, dice.choice(["", "gate."]) + EVIL, SERVER)
    for i, name in enumerate(NEAR * 5):
        history.visit(START + dice.randrange(DAYS * DAY - 5_000_000), CLIENTS[i], name, f"203.0.113.{100 + i}")
    return history


@pytest.fixture(scope="module")
def sixty_days(tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    history = make_history()
    process = subprocess.run([METSUKE, "inspect", "-q", "-o", str(folder / "out"), "--set", "rules=",
                              history.write(folder / "in.pcap")], capture_output=True, text=True, timeout=300,
                             check=False)
    assert process.returncode == 0, process.stderr
    return history, Inspection(folder / "out", process)


def by_client(rows):
    """client → (first, last, count): a name may come as several values, one for each host."""
    out = {}
    for r in rows:
        first, last, count = out.get(r["client"], (r["first"], r["last"], 0))
        out[r["client"]] = min(first, r["first"]), max(last, r["last"]), count + r["count"]
    return out


def evil(name):
    return name == EVIL or name.endswith("." + EVIL)


def expected(history):
    truth = history.truth("domain", evil)
    return {c: (iso(first), iso(last), count) for c, (first, last, count, _) in truth.items()}


def test_the_name_becomes_known(sixty_days):
    history, run = sixty_days
    want = expected(history)
    assert set(want) == set(VICTIMS)
    assert by_client(run.cli("intel", "add", "domain", EVIL, "--subdomains")) == want
    rows = run.cli("retro", "indicator", EVIL, "--subdomains")
    assert by_client(rows) == want
    assert [r["first"] for r in rows] == sorted(r["first"] for r in rows)
    assert rows[0]["client"] == CLIENTS[31]
    assert by_client(run.cli("retro", "findings")) == want


def test_days_with_contact(sixty_days):
    history, run = sixty_days
    whole = history.truth("domain", evil)
    for row in run.cli("retro", "indicator", EVIL, "--subdomains"):
        assert row["days"] == whole[row["client"]][3]


def test_the_other_way_round(sixty_days):
    history, run = sixty_days
    run.cli("intel", "add", "domain", EVIL, "--subdomains")
    total = 0
    for client in CLIENTS:
        rows = [r for r in run.cli("retro", "client", client, "--all") if evil(r["indicator"])]
        assert by_client(rows) == ({client: expected(history)[client]} if client in VICTIMS else {})
        bad = run.cli("retro", "client", client)
        assert by_client([r for r in bad if evil(r["indicator"])]) == by_client(rows)
        assert all(evil(r["indicator"]) for r in bad)
        total += sum(r["count"] for r in rows)
    assert total == sum(r["count"] for r in run.cli("retro", "indicator", EVIL, "--subdomains"))


def test_by_address(sixty_days):
    history, run = sixty_days
    truth = history.truth("ip", SERVER.__eq__)
    want = {c: (iso(first), iso(history.ends[c, "ip", SERVER]), count) for c, (first, _, count, _) in truth.items()}
    rows = run.cli("retro", "indicator", SERVER)
    assert by_client(rows) == want
    assert {r["client"]: r["days"] for r in rows} == {c: t[3] for c, t in truth.items()}


def test_all_that_a_client_did(sixty_days):
    """Every row of one client, background included, is as the capture has it."""
    history, run = sixty_days
    client = CLIENTS[17]
    want = {}
    for (c, kind, value), times in history.contacts.items():
        if c == client:
            want[kind, value] = iso(min(times)), iso(history.ends.get((c, kind, value), max(times))), len(times)
    rows = run.cli("retro", "client", client, "--all", "--limit", "1000000")
    have = {(r["kind"], r["indicator"]): (r["first"], r["last"], r["count"])
            for r in rows if r["kind"] in ("domain", "ip")}
    assert have == want
