"""Files that are looked into: the record `file`, what is kept, quarantine, limits, crashes."""
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from scapy.utils import wrpcap

from conftest import METSUKE, TOP
from live import service  # noqa: F401 (fixture)
from packets import Clock, http_get, tcp_session

sys.path.insert(0, os.path.join(TOP, "tests", "support"))
import samples  # noqa: E402

MACRO = samples.word_doc({"ThisDocument": samples.AUTORUN})
DIGEST = hashlib.sha256(MACRO).hexdigest()


def smtp(message, clock=None, **kw):
    """A mail on its way in."""
    body = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"
    turns = [("s", b"220 mx.company.example ESMTP\r\n"), ("c", b"EHLO sender.example\r\n"), ("s", b"250 mx.company.example\r\n"),
             ("c", b"MAIL FROM:<billing@sender.example>\r\n"), ("s", b"250 ok\r\n"), ("c", b"RCPT TO:<office@company.example>\r\n"),
             ("s", b"250 ok\r\n"), ("c", b"DATA\r\n"), ("s", b"354 go\r\n"), ("c", body), ("s", b"250 queued\r\n"), ("c", b"QUIT\r\n")]
    return tcp_session(turns, clock, dport=25, **kw)


def inspect(tmp_path, packets, *more):
    """(records by type, the store's folder)"""
    wrpcap(str(tmp_path / "in.pcap"), packets)
    out = tmp_path / "out"
    done = subprocess.run([METSUKE, "inspect", "-q", "-o", out, "--set", "rules=", "--set", f"file_store.dir={tmp_path}/files",
                           "--set", "file_analysis.enabled=yes", *more, tmp_path / "in.pcap"],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = {}
    with open(out / "eve.json", encoding="utf-8") as f:
        for line in f:
            e = json.loads(line)
            found.setdefault(e["event_type"], []).append(e)
    return found, tmp_path / "files"


def cli(*words):
    return subprocess.run([METSUKE, "files", *words], capture_output=True, text=True, timeout=120, check=False)


def analyse(path, *more):
    done = cli("analyse", "--json", *more, path)
    assert done.returncode == 0, done.stderr
    report, = json.loads(done.stdout)
    return report


def reasons(report):
    return {r["reason"] for r in report["reasons"]}


def test_a_mail_with_a_macro_document_alerts(tmp_path):
    found, store = inspect(tmp_path, smtp(samples.mail([("invoice.doc", MACRO)])), "--set", "file_analysis.quarantine_from=0")
    event, = found["file"]
    assert event["file"]["verdict"] >= 5 and event["file"]["sha256"] == DIGEST and event["file"]["stored"]
    assert {"macro_autorun", "macro_calls"} <= {r["reason"] for r in event["file"]["reasons"]}
    assert event["smtp"]["mail_from"] == "<billing@sender.example>" and event["smtp"]["rcpt_to"] == ["<office@company.example>"]
    assert event["email"]["subject"] == "Invoice" and event["email"]["message_id"] == "<1@sender.example>"
    assert event["fileinfo"]["filename"] == "invoice.doc" and event["src_ip"] and event["flow_id"] and "file_id" not in event
    assert (store / DIGEST[:2] / DIGEST).read_bytes() == MACRO
    assert not os.listdir(store / "pending") and not os.listdir(store / "tmp")
    shown = cli("show", "--dir", store, DIGEST[:8])
    assert "macros run by themselves" in shown.stdout


def test_harmless_files_are_neither_told_nor_kept(tmp_path):
    clock = Clock()
    packets = http_get(body=b"<html>hello</html>", clock=clock) + smtp(samples.mail([("letter.doc", samples.word_doc())]), clock, sport=50001)
    found, store = inspect(tmp_path, packets)
    assert len(found["fileinfo"]) >= 2 and "file" not in found
    assert not [n for _, _, names in os.walk(store) for n in names]


LOCKED = samples.zip_locked("invoice.js", b'var s=new ActiveXObject("WScript.Shell");s.Run("cmd")' * 20, b"sesame77")


def pop3(message):
    """A mail that is fetched."""
    body = message.replace(b"\n", b"\r\n").replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"
    return tcp_session([("s", b"+OK ready\r\n"), ("c", b"USER u\r\n"), ("s", b"+OK\r\n"), ("c", b"PASS p\r\n"), ("s", b"+OK\r\n"),
                        ("c", b"RETR 1\r\n"), ("s", b"+OK %d octets\r\n" % len(body) + body), ("c", b"QUIT\r\n"), ("s", b"+OK\r\n")], dport=110)


def imap(message):
    body = message.replace(b"\n", b"\r\n")
    return tcp_session([("s", b"* OK ready\r\n"), ("c", b"a1 LOGIN u p\r\n"), ("s", b"a1 OK\r\n"), ("c", b"a2 SELECT INBOX\r\n"),
                        ("s", b"* 1 EXISTS\r\na2 OK\r\n"), ("c", b"a3 FETCH 1 BODY[]\r\n"),
                        ("s", b"* 1 FETCH (BODY[] {%d}\r\n" % len(body) + body + b")\r\na3 OK\r\n"), ("c", b"a4 LOGOUT\r\n"),
                        ("s", b"* BYE\r\na4 OK\r\n")], dport=143)


@pytest.mark.parametrize("way", [smtp, pop3, imap])
@pytest.mark.parametrize("words", [{"subject": "Invoice, code sesame77"}, {"text": "Hello,\n\nthe password is: sesame77.\n"}])
def test_a_password_in_the_mail_opens_the_archive(tmp_path, way, words):
    found, store = inspect(tmp_path, way(samples.mail([("invoice.zip", LOCKED)], **words)))
    event, = found["file"]
    assert {"unlocked_by_mail", "script_run", "program_in_mail"} <= {r["reason"] for r in event["file"]["reasons"]}
    mail = event["email"]
    assert mail["subject"] == words.get("subject", "Invoice") and mail["message_id"] == "<1@sender.example>"
    assert mail["from"] == "billing@sender.example" and mail["to"] == ["office@company.example"]
    assert "sesame" not in json.dumps(found["fileinfo"]) or "subject" in words
    assert not os.listdir(store / "pending")


def test_http_says_host_and_url(tmp_path):
    found, _ = inspect(tmp_path, http_get(path="/get/a.rtf", body=samples.rtf_with("Equation.3", b"\x1c\0\0\0xxxx")))
    event, = found["file"]
    assert event["http"]["hostname"] == "www.example.com" and event["http"]["url"] == "/get/a.rtf"


def test_quarantine_and_restore(tmp_path):
    found, store = inspect(tmp_path, smtp(samples.mail([("invoice.doc", MACRO)])), "--set", "file_analysis.quarantine_from=5")
    event, = found["file"]
    assert event["file"]["quarantined"] and not event["file"]["stored"]
    held = store / "quarantine" / DIGEST
    assert MACRO not in held.read_bytes() and not (store / DIGEST[:2] / DIGEST).exists()
    assert "quarantine" in cli("list", "--dir", store).stdout
    assert cli("extract", "--dir", store, "-o", tmp_path / "copy", DIGEST).returncode == 0
    assert (tmp_path / "copy").read_bytes() == MACRO
    assert cli("restore", "--dir", store, DIGEST).returncode == 0
    assert (store / DIGEST[:2] / DIGEST).read_bytes() == MACRO and not held.exists()
    assert cli("quarantine", "--dir", store, DIGEST).returncode == 0 and held.exists()
    data = bytearray(held.read_bytes())
    data[-1] ^= 1
    held.chmod(0o600)
    held.write_bytes(data)
    broken = cli("restore", "--dir", store, DIGEST)
    assert broken.returncode == 1 and "not what it was" in broken.stderr


def test_the_memory_of_intelligence_knows_members(tmp_path):
    program = samples.pe(overlay=b"one of its kind, as no other file is")
    store = tmp_path / "store"
    subprocess.run([METSUKE, "intel", "add", "file_sha256", hashlib.sha256(program).hexdigest(), "--threat", "Sample", "--store", store],
                   check=True, capture_output=True, timeout=60)
    (tmp_path / "a.zip").write_bytes(samples.zip_of({"tool.exe": program}))
    report = analyse(tmp_path / "a.zip", "--store", store)
    assert report["verdict"] == 10 and "known_bad" in reasons(report)


def test_yara_rules_of_a_folder(tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "good.yar").write_text('rule Found { meta: description = "a word" weight = 9 strings: $a = "needle in hay" '
                                    'condition: $a and filename == "a.txt" and extension == ".txt" }')
    (rules / "bad.yar").write_text("rule Broken {\n condition:\n  nothing_of_this_name\n}")
    (tmp_path / "a.zip").write_bytes(samples.zip_of({"inner/a.txt": b"here is a needle in hay"}))
    done = cli("analyse", "--json", "--set", f"file_analysis.yara={rules}", tmp_path / "a.zip")
    report, = json.loads(done.stdout)
    assert report["verdict"] == 9 and report["reasons"][0]["detail"] == "Found: a word" and report["reasons"][0]["part"].endswith("inner/a.txt")
    checked = cli("rules", rules)
    assert checked.returncode == 1 and "bad.yar:3" in checked.stdout and "1 rules of 1 files load; 1 problem" in checked.stdout
    assert "bad.yar:3" in done.stderr and "undefined identifier" in done.stderr and "left out" in done.stderr


def test_bombs_end_by_limits(tmp_path):
    for name, data in samples.all_bombs().items():
        (tmp_path / name).write_bytes(data)
        report = analyse(tmp_path / name)
        found = reasons(report)
        assert found & {"limit_ratio", "limit_depth", "limit_parts", "limit_bytes", "broken"}, name
        assert report["unpacked"] < 400_000_000


def test_a_limit_of_time_or_memory_costs_one_file(tmp_path):
    (tmp_path / "long.zip").write_bytes(samples.zip_of({f"{i}": os.urandom(3_000_000) for i in range(40)}, 0))
    (tmp_path / "a.txt").write_text("hello")
    done = cli("analyse", "--json", "--set", "file_analysis.memory=24m", tmp_path / "long.zip", tmp_path / "a.txt")
    big, small = json.loads(done.stdout)
    assert small["verdict"] == 0 and small["complete"]
    assert big["file"]["size"] > 100_000_000


def test_every_sample_says_what_it_must(tmp_path):
    must = {
        "ole-autorun.doc": {"macro", "macro_autorun", "macro_calls"}, "ole-package.doc": {"program_in_document"},
        "ole-sheet.xls": {"macro_sheet"}, "ooxml-autorun.docm": {"macro_autorun"}, "ooxml-template.docx": {"external_template"},
        "ooxml-dde.docx": {"dde"}, "onenote-script.one": {"embedded_object", "program_in_document", "script_run"}, "rtf-package.rtf": {"embedded_object", "object_autoload"}, "rtf-equation.rtf": {"equation"},
        "pdf-script.pdf": {"pdf_script", "pdf_script_auto"}, "pdf-disguise.pdf": {"pdf_disguise", "script_hidden"},
        "pdf-launch.pdf": {"pdf_launch"}, "pdf-objstm.pdf": {"pdf_launch"}, "pdf-embedded.pdf": {"program_in_document"},
        "shortcut-share.url": {"shortcut_share", "shortcut_program"}, "shortcut-folder.library-ms": {"shortcut_share"},
        "lnk-shell.lnk": {"lnk_interpreter", "script_encoded"}, "pe-inject.exe": {"imports_inject"}, "pe-overlay.exe": {"script_run"},
        "pe-disguised.pdf": {"name_disguised"}, "tnef-script.dat": {"program_in_mail"}, "tnef-late.dat": {"program_in_mail"}, "tnef-long.dat": {"program_in_mail"},
        "tnef-message.dat": {"program_in_mail"}, "tnef-nested.dat": {"program_in_mail"}, "smime-signed.p7m": {"program_in_mail"},
        "smime-pieces.p7m": {"program_in_mail"}, "smime-compressed.p7m": {"program_in_mail"}, "smime-enveloped.p7m": {"locked"},
        "mail-signed.eml": {"program_in_mail"},
        "mail-locked.eml": {"unlocked_by_mail", "script_run"},
        "ole-locked-show.xlsm": {"locked_for_show", "macro_autorun"}, "ole-locked.docm": {"locked"},
        "mail-locked-agile.eml": {"unlocked_by_mail", "macro_autorun"}, "mail-locked-standard.eml": {"unlocked_by_mail", "macro_autorun"},
        "mail-macro.eml": {"macro_autorun"}, "mail-disk.eml": {"image_in_mail"}, "mail-image.eml": {"image_in_mail", "program_in_image", "lnk_interpreter"},
        "archive-out.tar.gz": {"unsafe_path"}, "archive-double.zip": {"name_double"}, "script-host.js": {"script_run"},
        "script-fetch.ps1": {"script_fetch", "script_run"}, "script-hta.hta": {"script_host"}, "script-page.html": {"html_smuggling"},
        "script-carries.html": {"html_smuggling", "script_run", "program_in_archive"},
        "ole-harmless.doc": {"macro"}, "ole-long.doc": {"macro_autorun"},
        "ole-slides.ppt": {"macro_autorun", "macro_calls"}, "ole-outlook.msg": {"program_in_mail", "script_run"},
    }
    everything = samples.all_samples()
    must.update({name: {"pdf_script", "pdf_script_auto", "script_hidden"} for name in everything if name.startswith("pdf-filter")})
    for name, data in everything.items():
        (tmp_path / name).write_bytes(data)
    done = cli("analyse", "--json", *[tmp_path / n for n in everything])
    for name, report in zip(everything, json.loads(done.stdout)):
        assert must.get(name, set()) <= reasons(report), name
        assert name in must or report["verdict"] < 5, name
        if name.startswith("archive-hello"):
            assert [p["sha256"] for p in report["file"]["parts"]] == [hashlib.sha256(b"hello world" * 50).hexdigest()], name


def test_list_says_what_is_no_number(tmp_path):
    for words in (["--limit", "x"], ["--limit", "-1"], ["--verdict", "11"], ["--verdict", "5x"]):
        done = cli("list", "--dir", tmp_path, *words)
        assert done.returncode == 2 and words[1] in done.stderr and "give a number" in done.stderr
    assert cli("list", "--dir", tmp_path, "--limit", "0").returncode == 0


def test_the_hash_of_imports(tmp_path):
    """As the tools of others compute it: "library.function", lower case, joined by commas."""
    (tmp_path / "a.exe").write_bytes(samples.pe(imports=("KERNEL32.dll", ("ExitProcess", "LoadLibraryA"))))
    facts = analyse(tmp_path / "a.exe")["file"]["facts"]
    assert facts["imphash"] == [hashlib.md5(b"kernel32.exitprocess,kernel32.loadlibrarya").hexdigest()]


def mails(count, start=0):
    """One of these a connection, each with a document of its own."""
    clock, out, digests = Clock(), [], []
    for i in range(start, start + count):
        document = samples.word_doc({"ThisDocument": samples.AUTORUN + f"' number {i}\r\n"})
        digests.append(hashlib.sha256(document).hexdigest())
        out += smtp(samples.mail([(f"invoice{i}.doc", document)]), clock, sport=20000 + i)
    return out, digests


def children(of):
    """Process ids by name, of all below."""
    found, todo = {}, [of]
    while todo:
        done = subprocess.run(["pgrep", "-l", "-P", str(todo.pop())], capture_output=True, text=True, check=False).stdout
        for line in done.splitlines():
            pid, name = line.split(None, 1)
            found.setdefault(name, []).append(int(pid))
            todo.append(int(pid))
    return found


def test_live_in_its_sandbox_and_the_analyser_killed(tmp_path, service):
    """kill -9 of the analyser, and then of the files process: every file is told of."""
    packets, digests = mails(60)
    wrpcap(str(tmp_path / "in.pcap"), packets)
    engine = service("", ports=f"pcap:{tmp_path}/in.pcap", **{"file_analysis.enabled": "yes", "file_store.dir": f"{tmp_path}/s0/files",
                                                             "file_analysis.quarantine_from": "0"})
    engine.wait_for(lambda: children(engine.process.pid).get("metsuke-analyse"))
    time.sleep(0.3)
    with open(f"/proc/{children(engine.process.pid)['metsuke-analyse'][0]}/status", encoding="utf-8") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    assert "0" not in status["Uid"].split() and int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
    for name in ("metsuke-analyse", "metsuke-files"):
        engine.wait_for(lambda n=name: children(engine.process.pid).get(n))
        os.kill(children(engine.process.pid)[name][0], signal.SIGKILL)
        time.sleep(0.5)
    engine.ready()
    engine.wait_for(lambda: {e["file"]["sha256"] for e in engine.events("file")} == set(digests))
    engine.wait_for(lambda: not os.listdir(tmp_path / "s0/files/pending"))
    figures = engine.cli("status")["files"]
    assert figures["running"] == 0 and figures["crashed"] == 0


def test_live_intelligence_reaches_the_analyser(tmp_path, service):
    program = samples.pe(overlay=b"one of its kind, as no other file is")
    wrpcap(str(tmp_path / "in.pcap"), smtp(samples.mail([("a.zip", samples.zip_of({"tool.exe": program}))])))
    os.mkfifo(tmp_path / "live.pcap")
    engine = service("", ports=f"pcap:{tmp_path}/live.pcap", **{"file_analysis.enabled": "yes", "file_store.dir": f"{tmp_path}/s0/files"})
    engine.wait_for(lambda: engine.cli("status", check=False))
    engine.cli("intel", "add", "file_sha256", hashlib.sha256(program).hexdigest())
    time.sleep(0.5)
    (tmp_path / "live.pcap").write_bytes((tmp_path / "in.pcap").read_bytes())
    engine.wait_for(lambda: engine.events("file"))
    event, = engine.events("file")
    assert "known_bad" in {r["reason"] for r in event["file"]["reasons"]} and event["file"]["verdict"] == 10


class Clamd(threading.Thread):
    """Answers zINSTREAM as clamd does: what holds the word is found."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        os.chmod(path, 0o777)
        self.server.listen(8)
        self.start()

    def run(self):
        while True:
            c, _ = self.server.accept()
            f = c.makefile("rwb")
            assert f.read(10) == b"zINSTREAM\0"
            data = b""
            while (n := struct.unpack(">I", f.read(4))[0]):
                data += f.read(n)
            f.write(b"stream: Test.Word FOUND\0" if b"the word" in data else b"stream: OK\0")
            f.close()
            c.close()


def test_clamd_has_its_say(tmp_path):
    folder = tempfile.mkdtemp(dir="/tmp")
    os.chmod(folder, 0o755)
    Clamd(f"{folder}/sock")
    (tmp_path / "bad.bin").write_bytes(b"x" * 300_000 + b"the word" + b"y" * 300_000)
    (tmp_path / "good.bin").write_bytes(b"x" * 300_000)
    bad = analyse(tmp_path / "bad.bin", "--set", f"file_analysis.clamd={folder}/sock")
    assert bad["verdict"] == 10 and bad["reasons"][0]["detail"] == "Test.Word"
    good = analyse(tmp_path / "good.bin", "--set", f"file_analysis.clamd={folder}/sock")
    assert good["verdict"] == 0 and good["file"]["facts"]["clamav"] == ["OK"]
    away = cli("analyse", "--json", "--set", f"file_analysis.clamd={folder}/nobody", tmp_path / "good.bin")
    assert json.loads(away.stdout)[0]["verdict"] == 0 and "clamd does not answer" in away.stderr
