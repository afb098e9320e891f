"""Rules of others on their way in: fetched, changed, checked, swapped; and back."""
import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import subprocess
import tarfile
import threading

import pytest

from conftest import METSUKE
from live import service  # noqa: F401 (fixture)

RULES = """
alert tcp any any -> any 80 (msg:"one"; content:"aaa"; sid:1; rev:1;)
alert tcp any any -> any 80 (msg:"two seconds 5"; content:"bbb"; sid:2; rev:1;)
# alert tcp any any -> any 80 (msg:"three"; content:"ccc"; sid:3; rev:1;)
"""
BROKEN = 'alert tcp any any -> any 80 (msg:"bad"; nokeyword; sid:%d;)\n'


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, with ETag; counts what was answered."""
    answers = []

    def log_message(self, *_):
        pass

    def send_response(self, code, message=None):
        Handler.answers.append((self.path, code))
        super().send_response(code, message)

    def do_GET(self):
        path = self.translate_path(self.path)
        if not os.path.isfile(path):
            self.send_error(404)
            return
        with open(path, "rb") as f:
            data = f.read()
        etag = '"%s"' % hashlib.sha1(data).hexdigest()
        if self.headers.get("If-None-Match") == etag:
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def web(tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    Handler.answers = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def archive(**files):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo("rules/" + name.replace("__", "."))
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return raw.getvalue()


class Updates:
    def __init__(self, folder, **settings):
        self.dir = str(folder / "dir")
        self.settings = {"rule_update.dir": self.dir, "rules": f"{self.dir}/current/*.rules", "control.socket": "",
                         **{"rule_update." + k: v for k, v in settings.items()}}

    def run(self, *words, status=0, **more):
        sets = [w for k, v in {**self.settings, **{"rule_update." + k: v for k, v in more.items()}}.items()
                for w in ("--set", f"{k}={v}")]
        done = subprocess.run([METSUKE, "rules", *words, "--json", *sets], capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if status == 0 else done.stderr

    def rules(self, source):
        with open(f"{self.dir}/current/{source}.rules", encoding="utf-8") as f:
            return f.read()


def test_a_folder_then_nothing_new(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.rules").write_text(RULES)
    u = Updates(tmp_path, **{"sources.mine.path": str(tmp_path / "in")})
    first = u.run("update")
    assert first["changes"]["added"] == 2 and first["check"] == {"active": 2, "loaded": 2, "refused": 0,
                                                                 "percent": 100.0}
    assert "# alert" in u.rules("mine") and "sid:1;" in u.rules("mine")
    assert u.run("update")["outcome"] == "nothing changed"
    assert len(u.run("versions")) == 1


def test_fetched_only_when_changed(web, tmp_path):
    folder, url = web
    data = archive(one__rules=RULES, classification__config="config classification: x,y,1\n", README="sid:9")
    (folder / "r.tar.gz").write_bytes(data)
    (folder / "r.tar.gz.sha256").write_text(hashlib.sha256(data).hexdigest() + "  r.tar.gz\n")
    u = Updates(tmp_path, **{"sources.web.url": url + "/r.tar.gz", "sources.web.checksum": "sha256"})
    assert u.run("update")["sources"] == [{"name": "web", "state": "fetched", "bytes": len(data), "rules": 3}]
    assert os.path.exists(u.dir + "/current/classification.config")
    assert u.run("update")["sources"][0]["state"] == "unchanged"
    assert [c for p, c in Handler.answers if p == "/r.tar.gz"] == [200, 304]
    # Out of reach: what is kept serves.
    os.unlink(folder / "r.tar.gz")
    again = u.run("update", disable="2")
    assert again["sources"][0]["state"] == "kept" and again["changes"]["disabled"] == 1


def test_a_checksum_that_does_not_hold(web, tmp_path):
    folder, url = web
    (folder / "r.rules.gz").write_bytes(gzip.compress(RULES.encode()))
    (folder / "r.rules.gz.md5").write_text("0" * 32 + "\n")
    u = Updates(tmp_path, **{"sources.web.url": url + "/r.rules.gz", "sources.web.checksum": "md5"})
    assert "does not have the checksum" in u.run("update", status=1)
    assert not os.path.exists(u.dir + "/current")
    small = Updates(tmp_path, **{"sources.web.url": url + "/r.rules.gz", "sources.web.max_bytes": "20"})
    assert "larger than 20 bytes" in small.run("update", status=1)


def test_on_off_and_rewritten(tmp_path):
    (tmp_path / "emerging-a.rules").write_text(RULES)
    u = Updates(tmp_path, **{"sources.mine.path": str(tmp_path / "emerging-a.rules"), "disable": "group:emerging-*",
                             "enable": "re:three", "modify": r'2 "seconds (\d)" "seconds 1\1"'})
    r = u.run("update")
    assert r["changed_here"] == {"enabled": 1, "disabled": 2, "modified": 1}
    assert "seconds 15" in u.rules("mine")
    assert [line for line in u.rules("mine").splitlines() if not line.startswith("#")] == [
        'alert tcp any any -> any 80 (msg:"three"; content:"ccc"; sid:3; rev:1;)']
    assert '"zwei"' in u.run("update", status=1, enable="zwei")


def test_refused_when_too_few_load(tmp_path):
    path = tmp_path / "a.rules"
    path.write_text(RULES)
    u = Updates(tmp_path, **{"sources.mine.path": str(path)})
    version = u.run("update")["version"]
    path.write_text(RULES + BROKEN % 10 + BROKEN % 11)
    said = u.run("update", status=1)
    assert "only 2 of 4 rules load (50.00 %), 95 % must" in said and "keyword nokeyword does not exist" in said
    assert [v["version"] for v in u.run("versions") if v["current"]] == [version]
    assert u.run("update", loadable="50")["changes"]["added"] == 2


def test_versions_and_the_way_back(tmp_path):
    path = tmp_path / "a.rules"
    u = Updates(tmp_path, **{"sources.mine.path": str(path), "keep": "3"})
    made = []
    for n in range(5):
        path.write_text(f'alert tcp any any -> any 80 (msg:"v"; content:"abc"; sid:7; rev:{n};)\n')
        made.append(u.run("update")["version"])
    assert [v["version"] for v in u.run("versions")] == made[:1:-1]
    assert u.run("rollback")["version"] == made[3] and "rev:3;" in u.rules("mine")
    assert u.run("rollback", made[2])["version"] == made[2] and "rev:2;" in u.rules("mine")
    assert "no version before this one" in u.run("rollback", status=1)
    assert "no version ../x" in u.run("rollback", "../x", status=1)


def test_a_running_engine_takes_them(service, tmp_path):
    path = tmp_path / "a.rules"
    path.write_text(RULES)
    u = Updates(tmp_path, **{"sources.mine.path": str(path)})
    u.run("update")
    engine = service("", ports="null:").ready()
    os.unlink(engine.rules)
    os.symlink(f"{u.dir}/current/mine.rules", engine.rules)
    u.settings["control.socket"] = engine.socket
    path.write_text(RULES.replace("# ", ""))
    r = u.run("update")
    assert r["reloaded"] and r["engine"].startswith("3 rules loaded")
    assert engine.cli("status")["rules"]["loaded"] == 3
    assert u.run("rollback")["engine"].startswith("2 rules loaded")
