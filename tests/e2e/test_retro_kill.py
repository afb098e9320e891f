"""kill -9 of the control process while it takes contacts in, writes days as files and compacts them.

What was acknowledged is there, nothing is counted twice: by indicator and by client the counts are
exactly those of the capture.
"""
import collections
import os
import random
import signal
import subprocess
import time

import pytest
from conftest import METSUKE, Inspection
from history import DAY, START, History, iso
from test_kill import children


def killed_again_and_again(folder, capture, dice, pause, options, most=6, when=None):
    """Inspects the capture; meanwhile the control process is killed, only while when(its pid) if that is
    given. Returns run and kills."""
    engine = subprocess.Popen([METSUKE, "inspect", "-q", "-o", str(folder / "out"), "--set", "rules=", "--set",
                               "rings.event=256k", "--set", "eve.types.flow.enabled=no", *options, capture],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    kills, last = 0, None
    while engine.poll() is None and kills < most:
        time.sleep(dice.uniform(*pause))
        control = children(engine.pid).get("metsuke-control")
        if control and control != last and (not when or when(control)):
            last = control
            os.kill(control, signal.SIGKILL)
            kills += 1
    stderr = engine.communicate(timeout=300)[1]
    assert engine.returncode == 0, stderr
    return Inspection(folder / "out", engine), kills


def truth_of(history):
    """(client, kind, value) → (first, last, count)"""
    return {key: (iso(min(times)), iso(history.ends.get(key, max(times))), len(times))
            for key, times in history.contacts.items()}


def check_all(run, history):
    want = truth_of(history)
    for client in {key[0] for key in want}:
        rows = run.cli("retro", "client", client, "--all", "--limit", "1000000")
        have = collections.Counter((r["kind"], r["indicator"]) for r in rows)
        assert not have or max(have.values()) == 1
        assert {(client, r["kind"], r["indicator"]): (r["first"], r["last"], r["count"])
                for r in rows} == {k: v for k, v in want.items() if k[0] == client}
    for kind, value in random.Random(1).sample(sorted({k[1:] for k in want}), 25):
        rows = run.cli("retro", "indicator", value, "--kind", kind, "--limit", "1000000")
        assert {r["client"]: (r["first"], r["last"], r["count"]) for r in rows} == \
            {k[0]: v for k, v in want.items() if k[1:] == (kind, value)}


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_while_contacts_come(tmp_path, seed):
    """One busy day."""
    history, dice = History(), random.Random(seed)
    for i in range(30000):
        n = int(dice.paretovariate(0.6)) % 3000
        history.ask(START + i * 1_700_003, f"10.20.0.{i % 17 + 1}", f"h{n}.kill.example", "198.18.0.1")
    run, kills = killed_again_and_again(tmp_path, history.write(tmp_path / "in.pcap"), dice, (0.03, 0.2),
                                        ["--set", "eve.types.dns.enabled=no"])
    assert kills > 0
    check_all(run, history)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_while_days_are_written(tmp_path, seed):
    """More days than memory holds: files are written all the time."""
    history, dice = History(), random.Random(seed)
    for day in range(600):
        for i in range(40):
            history.ask(START - 300 * DAY + day * DAY + i * 900_000_001, f"10.20.0.{i % 5 + 1}",
                        f"h{dice.randrange(60)}.kill.example", "198.18.0.1")
    run, kills = killed_again_and_again(tmp_path, history.write(tmp_path / "in.pcap"), dice, (0.05, 0.4),
                                        ["--set", "control.memory=64m", "--set", "eve.types.dns.enabled=no"])
    assert kills > 0
    check_all(run, history)


WORK_NS = 2_000_000  # of CPU: a thread that begins takes less


def compacting(pid):
    """Whether a thread of the store's that compacts (flushes have threads of their own) is at work."""
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as f:
                name, rest = f.read().split(" (", 1)[1].rsplit(") ", 1)
            if name != "rocksdb:low" or rest[0] not in "RD":
                continue
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                if int(f.read().split()[0]) > WORK_NS:
                    return True
    except OSError:
        pass  # it has ended meanwhile
    return False


def test_killed_while_it_compacts(tmp_path):
    """Each day written brings a piece of the dictionary: every few days the pieces are compacted."""
    history, dice = History(), random.Random(1)
    for day in range(700):
        for i in range(30):
            history.ask(START - 350 * DAY + day * DAY + i * 900_000_001, f"10.20.0.{i % 5 + 1}",
                        f"h{dice.randrange(4000)}.a-long-name-to-compact.kill.example", "198.18.0.1")
    run, kills = killed_again_and_again(tmp_path, history.write(tmp_path / "in.pcap"), dice, (0, 0.01),
                                        ["--set", "control.memory=64m", "--set", "eve.types.dns.enabled=no"],
                                        when=compacting)
    assert kills > 2
    check_all(run, history)
