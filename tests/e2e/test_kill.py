"""kill -9 in the middle: nothing acknowledged is lost, nothing is there twice."""
import collections
import json
import os
import random
import signal
import subprocess
import time

from conftest import METSUKE
from packets import Clock, ends
from scapy.all import UDP, Raw
from scapy.utils import wrpcap

RULE = 'alert udp any any -> any 9999 (msg:"numbered"; content:"number "; sid:7; )\n'


def numbered(count):
    """Packets that each alert, told apart by their source port and time."""
    clock = Clock(step=0.0001)
    return [clock.stamp(ends("10.0.0.9", "203.0.113.9") / UDP(sport=1024 + i % 60000, dport=9999) /
                        Raw(b"number %08d" % i)) for i in range(count)]


def children(pid):
    out = {}
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                with open(f"/proc/{p}/stat", encoding="ascii", errors="replace") as f:
                    text = f.read()
            except OSError:
                continue
            name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
            if int(rest[1]) == pid:
                out[name] = int(p)
    return out


def test_control_killed_again_and_again(tmp_path):
    count = 40000
    wrpcap(str(tmp_path / "n.pcap"), numbered(count))
    (tmp_path / "r.rules").write_text(RULE)
    # A small ring makes the dataplane wait for the control process: the kills fall into the work.
    engine = subprocess.Popen(
        [METSUKE, "inspect", "-q", "-S", str(tmp_path / "r.rules"), "-o", str(tmp_path / "out"),
         "--set", "rings.event=256k", "--set", "eve.types.flow.enabled=no", "--set", "flow.max=100000",
         str(tmp_path / "n.pcap")], stderr=subprocess.PIPE, text=True)
    dice, kills = random.Random(7), 0
    while engine.poll() is None and kills < 12:
        time.sleep(dice.uniform(0.02, 0.15))
        control = children(engine.pid).get("metsuke-control")
        if control:
            os.kill(control, signal.SIGKILL)
            kills += 1
    stderr = engine.communicate(timeout=120)[1]
    assert engine.returncode == 0, stderr
    with open(tmp_path / "out" / "eve.json", encoding="utf-8") as f:
        alerts = [e for e in map(json.loads, f) if e["event_type"] == "alert"]
    numbers = collections.Counter(e["pcap_cnt"] for e in alerts)
    assert len(numbers) == count and max(numbers.values()) == 1
    stored = subprocess.run([METSUKE, "alerts", "--json", "--limit", str(2 * count), "--store",
                             str(tmp_path / "out" / "store")], check=True, capture_output=True, text=True)
    assert len(json.loads(stored.stdout)) == count
    assert kills > 0
