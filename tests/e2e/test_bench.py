"""bench/run replays a capture through the engine's own lanes: it starts, and says what a loop gave."""
import os
import re
import subprocess

import pytest
from conftest import BUILD
from packets import Clock, tcp_session
from scapy.all import wrpcap


def test_a_capture_is_replayed(tmp_path):
    capture, rules = tmp_path / "a.pcap", tmp_path / "a.rules"
    wrpcap(str(capture), tcp_session([("c", b"GET /needle HTTP/1.0\r\n\r\n")], Clock()))
    rules.write_text('alert http any any -> any any (http.uri; content:"needle"; sid:1;)\n')
    run = subprocess.run([os.path.join(BUILD, "bench", "metsuke-bench"), capture, "--rules", rules, "--loops", "1",
                          "--anyway"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "a loop                 1 alerts, 1 flows" in run.stdout


@pytest.mark.parametrize("talk, most", [("words", 192), ("kept", 192 + 192)])
def test_idle_sessions_are_small(talk, most):
    """An idle session takes the memory of its flow, and what rules may look back at."""
    run = subprocess.run([os.path.join(BUILD, "bench", "metsuke-bench"), f"made:idle,flows=2000,talk={talk}", "--idle",
                          "--set", "checksums=ignore"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    line = next(line for line in run.stdout.splitlines() if line.startswith("  at rest"))
    flows, resting, size = (int(n) for n in re.match(r"  at rest +(\d+) flows, (\d+) at rest: .* = (\d+) bytes", line).groups())
    assert flows == resting > 1500
    assert size <= most
