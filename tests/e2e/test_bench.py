"""bench/run replays a capture through the engine's own lanes: it starts, and says what a loop gave."""
import os
import subprocess

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
