"""What comes from and goes to the outside: feeds, notifications, look-ups over HTTP, sensors that share."""
import http.server
import json
import os
import socket
import socketserver
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
from live import hosts, service  # noqa: F401 (fixtures)
from packets import dns_lookup

TOKEN = "0123456789abcdef-token"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Web:
    """A server on the loopback: pages by path, and what was posted."""

    def __init__(self, context=None):
        self.pages, self.asked, self.posted = {}, [], []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                web.asked.append((self.path, dict(self.headers)))
                page = web.pages.get(self.path.split("?")[0])
                status, headers, body = page(self) if callable(page) else page or (404, {}, b"")
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass

            def do_POST(self):
                web.posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web():
    made = []

    def make(context=None):
        made.append(Web(context))
        return made[-1]
    yield make
    for one in made:
        one.close()


def certificate(folder):
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert, key


def sensor(hosts, service, **settings):
    host = hosts()
    return host, service("", ports=f"afxdp:{host.port}", **settings).ready()


def source(engine, name):
    return next((s for s in engine.cli("intel", "sources") if s["name"] == name), {})


def test_a_feed_is_fetched_again_only_when_it_changed(hosts, service, web):
    server = web()
    def page(request):
        if request.headers.get("If-None-Match") == '"one"':
            return 304, {}, b""
        return 200, {"ETag": '"one"'}, b"evil.example.com\nnot a value !!\n"
    server.pages["/list"] = page
    _, engine = sensor(hosts, service, **{"intel.feeds.test.url": server.url + "/list"})
    engine.wait_for(lambda: source(engine, "test").get("loaded") == 1)
    assert source(engine, "test")["refused"] == 1
    report = engine.cli("intel", "fetch", "test")
    assert report[0]["status"] == "same"
    assert server.asked[-1][1]["If-None-Match"] == '"one"'
    server.pages["/list"] = (200, {"ETag": '"two"'}, b"other.example.com\n")
    assert engine.cli("intel", "fetch", "test")[0]["removed"] == 1
    assert [r["value"] for r in engine.cli("intel", "list")] == ["other.example.com"]
    # What fails keeps what it had.
    server.pages["/list"] = (500, {}, b"")
    report = engine.cli("intel", "fetch", "test")
    assert report[0]["status"] == "failed" and "500" in report[0]["error"]
    assert [r["value"] for r in engine.cli("intel", "list")] == ["other.example.com"]
    status, stderr = engine.close()
    assert status == 0, stderr


def test_what_a_server_may_not_do(hosts, service, web, tmp_path):
    context, cert, _ = certificate(tmp_path)
    good, bad = web(context), web()
    good.pages["/list"] = (200, {}, b"evil.example.com\n")
    good.pages["/away"] = (302, {"Location": "file:///etc/passwd"}, b"")
    good.pages["/long"] = (200, {}, b"x.example.com\n" * 200000)
    bad.pages["/list"] = (200, {}, b"<html>no list</html>")
    feeds = {"good": "/list", "away": "/away", "long": "/long"}
    settings = {f"intel.feeds.{n}.url": good.url + p for n, p in feeds.items()}
    settings["intel.feeds.bad.url"] = bad.url + "/list"
    settings["intel.feeds.long.max_bytes"] = "1m"
    _, engine = sensor(hosts, service, **settings, **{"courier.ca_file": cert})
    engine.wait_for(lambda: source(engine, "long").get("error"))
    assert source(engine, "good")["loaded"] == 1
    assert source(engine, "away")["error"] and not source(engine, "away").get("loaded")
    assert "longer" in source(engine, "long")["error"]
    # A page for people under status 200 is no list, and takes nothing out.
    assert "HTML" in source(engine, "bad")["error"]
    good.pages["/list"] = (200, {}, b"<html>please log in</html>")
    assert "HTML" in engine.cli("intel", "fetch", "good")[0]["error"]
    assert source(engine, "good")["entries"] == 1
    engine.close()
    good.pages["/list"] = (200, {}, b"evil.example.com\n")
    # The same server, whose certificate nobody vouches for.
    _, engine = sensor(hosts, service, **{"intel.feeds.good.url": good.url + "/list"})
    engine.wait_for(lambda: source(engine, "good").get("error"))
    assert "certificate" in source(engine, "good")["error"]


def pid_of(engine, program):
    children = subprocess.run(["pgrep", "-P", str(engine.process.pid), "-f", program], capture_output=True, text=True)
    return int(children.stdout.split()[0]) if children.stdout else 0


def sockets(pid):
    links = (os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd"))
    return {link for link in links if link.startswith("socket:")}


def test_each_process_has_its_own_ends(hosts, service):
    _, engine = sensor(hosts, service, **{"notify.webhook": "http://127.0.0.1:9/"})
    ends = [sockets(pid_of(engine, "metsuke-" + name)) for name in ("courier", "control", "dataplane")]
    assert all(ends)
    assert not (ends[0] & ends[1] or ends[0] & ends[2] or ends[1] & ends[2])


def test_a_courier_that_is_killed(hosts, service, web):
    server, release = web(), threading.Event()
    def page(request):
        release.wait(30)
        return 200, {}, b"evil.example.com\n"
    server.pages["/list"] = page
    _, engine = sensor(hosts, service, **{"intel.feeds.test.url": server.url + "/list"})
    engine.wait_for(lambda: server.asked)
    start, courier = time.monotonic(), pid_of(engine, "metsuke-courier")
    os.kill(courier, 9)
    engine.wait_for(lambda: source(engine, "test").get("error"))
    assert time.monotonic() - start < 5
    assert "was ended by signal 9" in source(engine, "test")["error"]
    release.set()
    assert engine.cli("intel", "fetch", "test")[0]["loaded"] == 1
    assert pid_of(engine, "metsuke-courier") != courier


def test_silent_servers_hold_up_nobody(hosts, service):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        port = silent.getsockname()[1]
        host, engine = sensor(hosts, service, **{
            "intel.feeds.test.url": f"http://127.0.0.1:{port}/list", "notify.mail.server": f"smtp://127.0.0.1:{port}",
            "notify.mail.to": "team@example.com", "notify.webhook": f"http://127.0.0.1:{port}/hook"})
        host.send(dns_lookup("evil.example.com", "203.0.113.9"))
        engine.wait_for(lambda: len(engine.events("dns")) >= 2)
        engine.cli("intel", "add", "domain", "evil.example.com")
        engine.wait_for(lambda: engine.cli("retro", "findings"))
        time.sleep(3)  # the messenger waits for the mail server now
        start = time.monotonic()
        engine.cli("intel", "add", "domain", "other.example.com")
        assert time.monotonic() - start < 3
        start = time.monotonic()
        status, stderr = engine.close()
        assert status == 0 and time.monotonic() - start < 8, stderr


def test_redirects_keep_secrets(hosts, service, web, tmp_path):
    context, cert, _ = certificate(tmp_path)
    tls, plain, other = web(context), web(), web()
    (tmp_path / "secret").write_text("hush\n")
    other.pages["/list"] = (200, {}, b"evil.example.com\n")
    tls.pages["/down"] = (302, {"Location": other.url + "/list"}, b"")
    plain.pages["/list"] = (302, {"Location": other.url.replace("localhost", "127.0.0.1") + "/list"}, b"")
    settings = {"courier.ca_file": cert, "intel.feeds.down.url": tls.url + "/down"}
    for name, way in (("bearer", {"token_file": "secret"}), ("basic", {"user": "site", "password_file": "secret"})):
        settings[f"intel.feeds.{name}.url"] = plain.url + "/list"
        for key, value in way.items():
            settings[f"intel.feeds.{name}.{key}"] = str(tmp_path / value) if value == "secret" else value
    _, engine = sensor(hosts, service, **settings)
    engine.wait_for(lambda: source(engine, "basic").get("loaded") == 1 and source(engine, "down").get("error"))
    assert "http" in source(engine, "down")["error"] and not source(engine, "down").get("loaded")
    assert {headers.get("Authorization") for _, headers in plain.asked} == {"Bearer hush", "Basic c2l0ZTpodXNo"}
    assert len(other.asked) == 2 and not any("Authorization" in headers for _, headers in other.asked)


def test_a_collection_page_by_page(hosts, service, web):
    server = web()
    def indicator(i):
        return {"type": "indicator", "spec_version": "2.1", "id": f"indicator--00000000-0000-4000-8000-{i:012d}",
                "pattern_type": "stix", "pattern": f"[domain-name:value = 'n{i}.example.com']",
                "valid_from": "2024-01-01T00:00:00Z", "created": "2024-01-01T00:00:00Z",
                "modified": "2024-01-01T00:00:00Z"}
    def objects(request):
        if "added_after" in request.path:
            return 200, {}, b"{}"
        if "next=2" in request.path:
            return (200, {"X-TAXII-Date-Added-Last": "2024-05-01T00:00:00.000000Z"},
                    json.dumps({"objects": [indicator(2)]}).encode())
        return 200, {}, json.dumps({"more": True, "next": "2", "objects": [indicator(1)]}).encode()
    server.pages["/api/collections/c/objects/"] = objects
    _, engine = sensor(hosts, service, **{"intel.feeds.taxii.url": server.url + "/api/collections/c/",
                                          "intel.feeds.taxii.format": "taxii"})
    engine.wait_for(lambda: len(engine.cli("intel", "list")) == 2)
    # Once from a little before, for what was added beside; then from there.
    for after in ("2024-04-30T23%3A59%3A50.000000Z", "2024-05-01T00%3A00%3A00.000000Z"):
        assert engine.cli("intel", "fetch", "taxii")[0]["status"] == "same"
        assert "added_after=" + after in server.asked[-1][0]
    assert len(engine.cli("intel", "list")) == 2


def test_findings_are_told(hosts, service, web):
    hook, mails, lines = web(), [], []

    class Mail(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 test\r\n")
            data = None
            for line in self.rfile:
                if data is not None:
                    if line == b".\r\n":
                        mails.append(b"".join(data).decode())
                        data = None
                        self.wfile.write(b"250 ok\r\n")
                    else:
                        data.append(line)
                elif line.upper().startswith(b"DATA"):
                    data = []
                    self.wfile.write(b"354 go\r\n")
                elif line.upper().startswith(b"QUIT"):
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")
    mail = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)
    threading.Thread(target=mail.serve_forever, daemon=True).start()
    log = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    log.bind(("127.0.0.1", 0))
    log.settimeout(20)
    host, engine = sensor(hosts, service, **{
        "notify.webhook": hook.url + "/hook", "notify.mail.to": "team@example.com",
        "notify.mail.server": f"smtp://127.0.0.1:{mail.server_address[1]}",
        "notify.syslog": f"udp://127.0.0.1:{log.getsockname()[1]}"})
    host.send(dns_lookup("evil.example.com", "203.0.113.9"))
    engine.wait_for(lambda: len(engine.events("dns")) >= 2)
    engine.cli("intel", "add", "domain", "evil.example.com", "--threat", "Qbot")
    engine.wait_for(lambda: hook.posted and mails)
    finding, = hook.posted[0][1]["findings"]
    assert (finding["client"], finding["indicator"], finding["threat"]) == ("10.0.0.10", "evil.example.com", "Qbot")
    assert "evil.example.com" in mails[0] and "Qbot" in mails[0] and "Subject: =?UTF-8?B?" in mails[0]
    lines.append(log.recv(8192).decode())
    assert lines[0].startswith("<84>1 ") and 'indicator="evil.example.com"' in lines[0]
    # The pair is known: nobody is told again.
    engine.cli("retro", "scan")
    time.sleep(3)
    assert len(hook.posted) == 1 and len(mails) == 1
    mail.shutdown()
    mail.server_close()
    log.close()


def ask(port, path, token=TOKEN, body=None, accept=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if accept:
        request.add_header("Accept", accept)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as e:
        return e.code, json.loads(e.read() or b"null")


def serving(tmp_path):
    port = free_port()
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# who may ask\n{TOKEN} lookup soc\n{TOKEN}-share share site-b\n")
    return port, {"http.listen": f"127.0.0.1:{port}", "http.tokens_file": str(tokens)}


def test_look_ups_over_http(hosts, service, tmp_path):
    port, settings = serving(tmp_path)
    host, engine = sensor(hosts, service, **settings)
    host.send(dns_lookup("evil.example.com", "203.0.113.9"))
    engine.wait_for(lambda: len(engine.events("dns")) >= 2)
    engine.cli("intel", "add", "domain", "evil.example.com", "--category", "c2")
    status, known = ask(port, "/api/v1/intel/lookup?value=evil.example.com")
    assert status == 200 and known["verdict"] == "bad" and known["category"] == "c2"
    assert known["sightings"][0]["client"] == "10.0.0.10"
    body = json.dumps({"values": ["evil.example.com", "good.example.com", "what is it"]}).encode()
    status, rows = ask(port, "/api/v1/intel/lookup", body=body)
    assert status == 200 and [r.get("verdict") == "bad" for r in rows] == [True, False, False]
    assert "error" in rows[2]
    log = engine.cli("intel", "log")
    assert {(r["who"], r["value"]) for r in log} >= {("soc", "evil.example.com"), ("soc", "good.example.com")}
    assert ask(port, "/api/v1/intel/lookup?value=x.example", token=None)[0] == 401
    assert ask(port, "/api/v1/intel/lookup?value=x.example", token="wrong-token-wrong-token")[0] == 401
    assert ask(port, "/taxii2/")[0] == 403
    assert ask(port, "/nothing")[0] == 404
    assert ask(port, "/api/v1/intel/lookup")[0] == 400
    status, stderr = engine.close()
    assert status == 0, stderr


def test_look_ups_over_https(hosts, service, tmp_path):
    _, cert, key = certificate(tmp_path)
    port, settings = serving(tmp_path)
    # Beyond loopback, which is for certificates alone.
    settings.update({"http.listen": f"0.0.0.0:{port}", "http.tls_cert": cert, "http.tls_key": key})
    _, engine = sensor(hosts, service, **settings)
    engine.cli("intel", "add", "domain", "evil.example.com", "--category", "c2")
    trusting = ssl.create_default_context(cafile=cert)

    def over_tls(path, token, context=trusting):
        request = urllib.request.Request(f"https://localhost:{port}{path}", headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=20, context=context) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read())
    status, known = over_tls("/api/v1/intel/lookup?value=evil.example.com", TOKEN)
    assert status == 200 and known["verdict"] == "bad" and known["category"] == "c2"
    status, error = over_tls("/api/v1/intel/lookup?value=evil.example.com", "wrong-token-wrong-token")
    assert status == 401 and error == {"title": "show a token: Authorization: Bearer TOKEN", "http_status": "401"}
    # Who does not know the certificate goes no further; who speaks no TLS gets nothing.
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        over_tls("/api/v1/status", TOKEN, ssl.create_default_context())
    with pytest.raises(OSError):
        ask(port, "/api/v1/status")
    status, stderr = engine.close()
    assert status == 0, stderr


def test_no_tokens_in_the_clear(service, tmp_path):
    port, settings = serving(tmp_path)
    settings["http.listen"] = f"0.0.0.0:{port}"
    engine = service("", ports="null:", **settings)
    status, stderr = engine.process.wait(timeout=60), engine.process.stderr.read()
    assert status != 0 and "set http.tls_cert and http.tls_key" in stderr


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def send_long(port, size, token=None, path="/api/v1/intel/lookup"):
    """A POST of that many bytes; what is answered, b"" when the connection is cut before."""
    show = f"Authorization: Bearer {token}\r\n" if token else ""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        try:
            s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{show}Content-Length: {size}\r\n\r\n".encode())
            s.sendall(b"x" * (size - 1))
        except OSError:
            pass
        try:
            return s.recv(4096)
        except OSError:
            return b""


def test_strangers_take_no_memory(hosts, service, tmp_path):
    port, settings = serving(tmp_path)
    _, engine = sensor(hosts, service, **settings)
    pid = engine.cli("status")["pid"]
    ask(port, "/api/v1/status")
    before, most, answers = resident_kib(pid), [0], []
    threads = [threading.Thread(target=lambda: answers.append(send_long(port, 8 << 20))) for _ in range(12)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        most[0] = max(most[0], resident_kib(pid))
    assert most[0] - before < 8 << 10, (before, most)
    # It is said at once, not when all has come.
    assert len(answers) == 12 and all(a == b"" or a.startswith(b"HTTP/1.1 401") for a in answers)
    answer = send_long(port, 2 << 20, token=TOKEN)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")
    assert ask(port, "/api/v1/status")[0] == 200


def processes(engine):
    """The engine's processes by name: what /proc says of each."""
    found = {}
    for child in open(f"/proc/{engine.process.pid}/task/{engine.process.pid}/children", encoding="utf-8").read().split():
        with open(f"/proc/{child}/status", encoding="utf-8") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        status["fds"] = [os.readlink(f"/proc/{child}/fd/{n}") for n in os.listdir(f"/proc/{child}/fd")]
        found[status["Name"]] = status
    return found


def test_what_came_from_the_network_has_no_rights(hosts, service, web):
    server = web()
    server.pages["/list"] = (200, {}, b"evil.example.com\n")
    _, engine = sensor(hosts, service, **{"intel.feeds.test.url": server.url + "/list"})
    engine.wait_for(lambda: source(engine, "test").get("loaded") == 1)
    found = processes(engine)
    courier = found["metsuke-courier"]
    # Two filters: of the one that starts it, before its first instruction, and its own.
    assert courier["Seccomp"] == "2" and courier["Seccomp_filters"] == "2" and courier["NoNewPrivs"] == "1"
    assert not any("metsuke-events" in f or "metsuke-bulk" in f or "counters" in f for f in courier["fds"])
    assert sum("socket:" in f for f in courier["fds"]) == 1
    for one in (courier, found["metsuke-control"]):
        assert one["CapEff"] == one["CapPrm"] == "0000000000000000", one
    _, stderr = engine.close()
    if "no user metsuke" in stderr:
        assert courier["CapBnd"] == "0000000000000000" and stderr.count("no user metsuke") == 1


def test_what_one_site_learns_protects_the_other(hosts, service, tmp_path):
    port, settings = serving(tmp_path)
    share = tmp_path / "share"
    share.write_text(TOKEN + "-share\n")
    _, center = sensor(hosts, service, **settings, **{"sensor.name": "center"})
    center.cli("intel", "add", "domain", "evil.example.com", "--threat", "Qbot", "--tlp", "green")
    center.cli("intel", "add", "domain", "secret.example.com", "--tlp", "red")
    base = f"http://127.0.0.1:{port}/taxii2/api/collections"
    status, answer = ask(port, "/taxii2/api/collections/", token=TOKEN + "-share")
    assert status == 200 and {"all", "sightings", "local"} <= {c["title"] for c in answer["collections"]}
    host, site = sensor(hosts, service, **{
        "sensor.name": "site", "intel.feeds.center.url": base + "/all/", "intel.feeds.center.format": "taxii",
        "intel.feeds.center.token_file": str(share), "intel.share": base + "/sightings/",
        "intel.share_token_file": str(share)})
    site.wait_for(lambda: site.cli("intel", "list"))
    assert [r["value"] for r in site.cli("intel", "list")] == ["evil.example.com"]
    # The site finds something on its own: the center hears of it, and knows it from then on.
    for name in ("named.example.com", "inner.example.com", "local.example.com"):
        host.send(dns_lookup(name, "203.0.113.9"))
    site.wait_for(lambda: len(site.events("dns")) >= 6)
    site.cli("intel", "add", "domain", "named.example.com", "--tlp", "red")
    site.cli("intel", "add", "domain", "inner.example.com", "--tlp", "amber+strict")
    site.cli("intel", "add", "domain", "local.example.com", "--threat", "Homegrown")
    center.wait_for(lambda: source(center, "sensor site-b").get("entries") == 1)
    status, known = ask(port, "/api/v1/intel/lookup?value=local.example.com")
    assert known["verdict"] == "bad"
    assert known["reported"][0]["who"] == "site-b" and known["reported"][0]["count"] == 1
    # What is RED or AMBER+STRICT there is said to nobody.
    assert len(site.cli("retro", "findings")) == 3
    for name in ("named.example.com", "inner.example.com"):
        assert ask(port, f"/api/v1/intel/lookup?value={name}")[1]["verdict"] == "unknown"
    assert os.path.exists(share)
