"""Files that rules want kept: there by their SHA-256, whole; and none that nobody wants."""
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from scapy.utils import wrpcap

from conftest import METSUKE, TOP
from live import hosts, service  # noqa: F401 (fixtures)
from packets import Clock, http_get, http_ranges, sctp_turns, tcp_session

sys.path.insert(0, os.path.join(TOP, "tests", "support"))
import samples  # noqa: E402

BODY = bytes(i * 7 % 251 for i in range(60_000)) + b"late marker" + bytes(i * 7 % 251 for i in range(140_000))
DIGEST = hashlib.sha256(BODY).hexdigest()
RULE = 'alert http any any -> any any (msg:"kept"; http.uri; content:"/wanted"; filestore:both,tx; sid:1;)\n'
LATE = 'alert http any any -> any any (msg:"late"; flow:to_client; file.data; content:"late marker"; filestore; sid:2;)\n'


def kept(folder):
    """SHA-256 of the names and of the contents, both."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as f:
                found[os.path.join(os.path.basename(path), name)] = hashlib.sha256(f.read()).hexdigest()
    return found


def inspect(tmp_path, rules, packets, *more):
    wrpcap(str(tmp_path / "in.pcap"), packets)
    (tmp_path / "test.rules").write_text(rules)
    out = tmp_path / "out"
    subprocess.run([METSUKE, "inspect", "-q", "-S", tmp_path / "test.rules", "-o", out, "--set", f"file_store.dir={tmp_path}/files",
                    "--set", "file_store.enabled=yes", *more, tmp_path / "in.pcap"], check=True, timeout=120)
    with open(out / "eve.json", encoding="utf-8") as f:
        return [e for e in map(json.loads, f) if e["event_type"] == "fileinfo"]


def test_wanted_files_are_kept_and_no_others(tmp_path):
    clock = Clock()
    packets = http_get(path="/wanted", body=BODY, clock=clock, sport=50001) + http_get(path="/other", body=b"other", clock=clock, sport=50002)
    wanted, other = sorted(inspect(tmp_path, RULE, packets), key=lambda e: e["http"]["url"] != "/wanted")
    assert wanted["fileinfo"]["stored"] and wanted["fileinfo"]["sha256"] == DIGEST
    assert not other["fileinfo"]["stored"]
    assert kept(tmp_path / "files") == {f"{DIGEST[:2]}/{DIGEST}": DIGEST}


def test_a_file_that_came_over_sctp_is_kept(tmp_path):
    packets = sctp_turns([("c", b"GET /wanted HTTP/1.1\r\nHost: sctp.test\r\n\r\n"),
                          ("s", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)])
    info, = inspect(tmp_path, RULE, packets)
    assert info["proto"] == "SCTP" and info["fileinfo"]["stored"]
    assert kept(tmp_path / "files") == {f"{DIGEST[:2]}/{DIGEST}": DIGEST}


def test_what_is_attached_in_a_winmail_is_kept(tmp_path):
    """By a rule on its long name, which stands behind its bytes; the winmail.dat around it is a file of the same mail."""
    inner = b"WScript.Echo(1);\r\n" * 5000
    message = samples.mail([("winmail.dat", samples.tnef("REPOR~1.JS", inner, long_name="report of may.js"))]).replace(b"\n", b"\r\n")
    packets = tcp_session([("s", b"220 mx ESMTP\r\n"), ("c", b"EHLO a\r\n"), ("s", b"250 mx\r\n"), ("c", b"MAIL FROM:<a@b>\r\n"), ("s", b"250 ok\r\n"),
                           ("c", b"DATA\r\n"), ("s", b"354 go\r\n"), ("c", message + b"\r\n.\r\n"), ("s", b"250 ok\r\n")], dport=25)
    rule = 'alert smtp any any -> any any (msg:"long name"; file.name; content:"of may.js"; endswith; filestore; sid:3;)\n'
    found = {e["fileinfo"]["filename"]: e["fileinfo"] for e in inspect(tmp_path, rule, packets)}
    digest = hashlib.sha256(inner).hexdigest()
    assert set(found) == {"winmail.dat", "report of may.js"}
    assert found["report of may.js"]["stored"] and found["report of may.js"]["sha256"] == digest
    assert kept(tmp_path / "files")[f"{digest[:2]}/{digest}"] == digest


def test_a_rule_that_decides_late_gets_the_whole_file(tmp_path):
    info, = inspect(tmp_path, LATE, http_get(body=BODY), "--set", "file_store.write_fileinfo=yes")
    assert info["fileinfo"]["stored"]
    files = kept(tmp_path / "files")
    assert files.pop(f"{DIGEST[:2]}/{DIGEST}") == DIGEST
    sidecar, = files
    with open(tmp_path / "files" / sidecar, encoding="utf-8") as f:
        assert json.load(f)["fileinfo"] == info["fileinfo"]


def test_a_file_that_comes_in_ranges_is_kept_whole(tmp_path):
    """Over two connections, not in order; the words that a rule looks for lie on both sides of a border."""
    middle, end = BODY.index(b"late marker") + 4, len(BODY) - 1
    clock = Clock()
    packets = http_ranges([(middle, 99_999), (150_000, end)], BODY, clock=clock, sport=50001) + http_ranges(
        [(0, middle - 1), (100_000, 149_999)], BODY, clock=clock, sport=50002)
    infos = inspect(tmp_path, LATE, packets)
    whole, = [e for e in infos if e["fileinfo"]["size"] == len(BODY)]
    assert len(infos) == 5 and whole["fileinfo"]["sha256"] == DIGEST and whole["fileinfo"]["state"] == "CLOSED"
    assert (whole["src_port"], whole["dest_port"]) == (80, 50002) and "start" not in whole["fileinfo"]
    assert whole["fileinfo"]["stored"] and whole["fileinfo"]["sid"] == [2]
    assert kept(tmp_path / "files")[f"{DIGEST[:2]}/{DIGEST}"] == DIGEST


def test_a_folder_that_cannot_be_used_is_said(tmp_path):
    wrpcap(str(tmp_path / "in.pcap"), http_get())
    (tmp_path / "file").write_text("")
    done = subprocess.run([METSUKE, "inspect", "-q", "-o", tmp_path / "out", "--set", "file_store.enabled=yes", "--set",
                           f"file_store.dir={tmp_path}/file/x", tmp_path / "in.pcap"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and "file_store.dir" in done.stderr


def files_process():
    """The process id of the files process, waited for."""
    for _ in range(100):
        found = subprocess.run(["pgrep", "-f", "metsuke-files --boot"], capture_output=True, text=True, check=False).stdout.split()
        if found:
            return int(found[0])
        time.sleep(0.1)
    raise AssertionError("no files process")


@pytest.mark.parametrize("times", [5])
def test_killed_while_files_come(tmp_path, service, times):
    """kill -9 of the files process, again and again: every file that a record calls stored is there, whole."""
    bodies = [BODY + b"%d" % i for i in range(300)]
    clock = Clock()
    packets = [p for i, b in enumerate(bodies) for p in http_get(path="/wanted", body=b[:20000] + b"%d" % i, clock=clock, sport=10000 + i)]
    wrpcap(str(tmp_path / "in.pcap"), packets)
    engine = service(RULE, ports=f"pcap:{tmp_path}/in.pcap", **{"file_store.enabled": "yes", "file_store.dir": f"{tmp_path}/files",
                                                               "rings.bulk": "1m"})
    for _ in range(times):
        os.kill(files_process(), signal.SIGKILL)
        time.sleep(0.3)
    engine.ready()
    engine.wait_for(lambda: len(engine.events("fileinfo")) == len(bodies))
    stored = {e["fileinfo"]["sha256"] for e in engine.events("fileinfo") if e["fileinfo"]["stored"]}
    assert stored
    engine.wait_for(lambda: len(kept(tmp_path / "files")) >= len(stored))
    there = kept(tmp_path / "files")
    assert {v for k, v in there.items() if not k.startswith("tmp/")} == stored
    assert all(k.endswith(v) for k, v in there.items() if not k.startswith("tmp/"))
