"""Bad input gets one clear sentence that says what and what to do, and a status; never a crash."""
import os
import struct
import subprocess

import pytest

from conftest import METSUKE, METSUKED
from packets import SERVER, dns_lookup


def run(*words, **kw):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **kw)


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def clear(process, *words):
    """One sentence on stderr with these words in it; a status that says it failed."""
    assert process.returncode in (1, 2), (process.returncode, process.stderr)
    said = lines(process.stderr)
    assert said, "nothing was said"
    for word in words:
        assert word in process.stderr, process.stderr
    assert len(said) <= 3, process.stderr


@pytest.fixture
def capture(tmp_path):
    from scapy.utils import wrpcap
    path = tmp_path / "good.pcap"
    wrpcap(str(path), dns_lookup("a.example", SERVER) * 20)
    return path


def inspect_path(tmp_path, path, *more):
    return run(METSUKE, "inspect", "-o", str(tmp_path / "out"), *more, str(path))


def test_no_capture_of_that_name(tmp_path):
    clear(inspect_path(tmp_path, tmp_path / "none.pcap"), "none.pcap", "No such file")


def test_not_a_capture(tmp_path):
    bad = tmp_path / "bad.pcap"
    bad.write_bytes(b"this is no capture at all, but a text")
    clear(inspect_path(tmp_path, bad, "-q"), "bad.pcap")


def test_empty_file(tmp_path):
    bad = tmp_path / "empty.pcap"
    bad.write_bytes(b"")
    clear(inspect_path(tmp_path, bad, "-q"), "empty.pcap")


def test_cut_capture_gives_what_was_there(tmp_path, capture):
    """The packets before the cut count; the end says that it was cut."""
    data = capture.read_bytes()
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(data[:len(data) - 30])
    p = inspect_path(tmp_path, cut, "-q")
    clear(p, "cut.pcap")
    with open(tmp_path / "out" / "eve.json", encoding="utf-8") as f:
        assert sum('"event_type":"dns"' in line for line in f) >= 38


def test_every_cut_of_a_capture(tmp_path, capture):
    """Cut at every byte of its first packets: never a crash."""
    data = capture.read_bytes()
    for at in list(range(0, 60, 7)) + list(range(60, 260, 23)):
        cut = tmp_path / "cut.pcap"
        cut.write_bytes(data[:at])
        assert inspect_path(tmp_path, cut, "-q").returncode in (0, 1)


def test_link_type_that_is_not_decoded(tmp_path):
    odd = tmp_path / "odd.pcap"
    odd.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 147) +
                    struct.pack("<IIII", 1, 0, 4, 4) + b"abcd")
    clear(inspect_path(tmp_path, odd, "-q"), "odd.pcap", "link")


def test_caplen_beyond_the_file(tmp_path):
    odd = tmp_path / "odd.pcap"
    odd.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) +
                    struct.pack("<IIII", 1, 0, 0x7fffffff, 0x7fffffff) + b"abcd")
    clear(inspect_path(tmp_path, odd, "-q"), "odd.pcap")


def test_rule_file_that_is_not_there(tmp_path, capture):
    clear(inspect_path(tmp_path, capture, "-q", "-S", str(tmp_path / "no.rules")), "no.rules")


def test_a_wrong_rule_does_not_stop_the_others(inspect):
    rules = ('alert dns any any -> any any (msg:"x"; dns.query; content:"a.example"; sid:1;)\n'
             'alert dns any any -> any any (msg:"x"; dns.qwery; content:"a.example"; sid:2;)\n')
    good = inspect(dns_lookup("a.example", SERVER), rules)
    assert good.status == 0 and good.sids() == [1]
    assert "1 refused" in good.stdout


def test_wrong_config_key(tmp_path, capture):
    conf = tmp_path / "m.yaml"
    conf.write_text("mode: tap\nstream:\n  dephth: 3\n")
    clear(inspect_path(tmp_path, capture, "-c", str(conf)), "m.yaml:3", "stream.dephth", "no such key")
    clear(run(METSUKED, "-c", str(conf), "--check"), "m.yaml:3")


def test_check_says_what_a_start_would_refuse(tmp_path):
    conf, rules = tmp_path / "m.yaml", tmp_path / "own.rules"
    rules.write_text('alert dns any any -> any any (msg:"x"; dns.query; content:"a.example"; sid:1;)\n')
    conf.write_text(f"ports: [afxdp:eth9]\nrules: [{rules}]\nstore: {{dir: {tmp_path}/store}}\n")

    def check(*settings):
        words = [word for setting in settings for word in ("--set", setting)]
        return run(METSUKED, "-c", str(conf), *words, "--check")

    good = check()
    assert good.returncode == 0 and not good.stderr
    assert not (tmp_path / "store").exists()
    clear(check("ports=afdxp:eth9"), "afdxp", "afxdp:INTERFACE")
    clear(check(f"rules={tmp_path}/no*.rules"), "no*.rules")
    clear(check("overload.low=99"), "overload.low", "overload.high")
    clear(check("http.listen=127.0.0.1:8080"), "http.tokens_file")
    clear(check("http.listen=192.0.2.1:8080", f"http.tokens_file={rules}"), str(rules))


def test_config_that_is_not_yaml(tmp_path, capture):
    conf = tmp_path / "m.yaml"
    conf.write_text("mode: [tap\n: :")
    clear(inspect_path(tmp_path, capture, "-c", str(conf)), "m.yaml", "YAML")


def test_wrong_value(tmp_path, capture):
    clear(inspect_path(tmp_path, capture, "--set", "checksums=maybe"), "checksums", "validate ignore")


def test_output_that_cannot_be_made(tmp_path, capture):
    clear(run(METSUKE, "inspect", "-o", str(tmp_path / "no" / "such"), str(capture)), "no/such")


def test_store_of_another_version(tmp_path, capture):
    assert inspect_path(tmp_path, capture, "-q").returncode == 0
    version = run(METSUKE, "alerts", "--store", str(tmp_path / "nowhere"))
    clear(version, "nowhere")


def test_no_engine_answers(tmp_path):
    clear(run(METSUKE, "status", "--socket", str(tmp_path / "none.sock")), "none.sock", "metsuked")


def test_port_that_does_not_exist(tmp_path):
    p = run(METSUKED, "--set", "ports=afxdp:nosuchport0", "--set", f"store.dir={tmp_path}/store",
            "--set", f"eve.dir={tmp_path}", "--set", f"control.socket={tmp_path}/s", "--set", "hugepages=no",
            "--set", "rules=")
    clear(p, "nosuchport0")


def test_nothing_to_listen_on():
    clear(run(METSUKED, "--set", "mode=tap"), "ports")


def test_unknown_command_and_option():
    assert run(METSUKE, "inspekt").returncode == 2
    assert run(METSUKE, "inspect", "--nonsense", "x").returncode == 2
    assert run(METSUKE).returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a small tmpfs")
def test_full_disk_says_so(tmp_path, capture):
    """The output is on a file system of 8 KB: one sentence, no crash."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(small)], check=True)
    try:
        p = run(METSUKE, "inspect", "-q", "-o", str(small), str(capture))
        assert p.returncode == 1
        assert "space" in p.stderr.lower() or "full" in p.stderr.lower(), p.stderr
    finally:
        subprocess.run(["umount", str(small)], check=False)
