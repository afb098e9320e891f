"""How findings are told: mail with TLS, syslog over TCP, what a dead or slow other side may do."""
import base64
import http.server
import json
import os
import socket
import socketserver
import threading
import time

import pytest
from live import hosts, service  # noqa: F401 (fixtures)
from packets import dns_lookup
from test_sharing import certificate, pid_of, sensor, source


class Mail(socketserver.ThreadingTCPServer):
    """A mail server; with a context it speaks TLS, at once or when asked to (STARTTLS)."""
    daemon_threads = True

    def __init__(self, context=None, at_once=False):
        self.context, self.at_once, self.mails, self.logins = context, at_once, [], []
        super().__init__(("127.0.0.1", 0), Session)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Session(socketserver.BaseRequestHandler):
    def wrap(self):
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.lines, self.secure = self.request.makefile("rb"), True

    def say(self, text):
        self.request.sendall(text.encode() + b"\r\n")

    def handle(self):
        self.lines, self.secure = self.request.makefile("rb"), False
        if self.server.at_once:
            self.wrap()
        self.say("220 test")
        while True:
            line = self.lines.readline().decode().strip()
            word = line.upper().split(" ")[0]
            if word == "EHLO":
                self.say("250-test")
                if self.server.context and not self.secure:
                    self.say("250-STARTTLS")
                self.say("250 AUTH PLAIN")
            elif word == "STARTTLS":
                self.say("220 go")
                self.wrap()
            elif word == "AUTH":
                if len(line.split()) < 3:
                    self.say("334 ")
                    line += " " + self.lines.readline().decode().strip()
                self.server.logins.append((self.secure, base64.b64decode(line.split()[-1])))
                self.say("235 ok")
            elif word == "DATA":
                self.say("354 go")
                data = b"".join(iter(self.lines.readline, b".\r\n"))
                self.server.mails.append(data.decode())
                self.say("250 ok")
            elif word in ("QUIT", ""):
                return
            else:
                self.say("250 ok")


def finds(host, engine):
    """A contact, and intelligence that makes it a finding."""
    host.send(dns_lookup("evil.example.com", "203.0.113.9"))
    engine.wait_for(lambda: len(engine.events("dns")) >= 2)
    engine.cli("intel", "add", "domain", "evil.example.com")


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_mail_with_tls_and_a_password(hosts, service, tmp_path, scheme):
    context, cert, _ = certificate(tmp_path)
    (tmp_path / "secret").write_text("hush\n")
    with Mail(context, at_once=scheme == "smtps") as mail:
        host, engine = sensor(hosts, service, **{
            "courier.ca_file": cert, "notify.mail.server": f"{scheme}://localhost:{mail.port}",
            "notify.mail.to": "team@example.com", "notify.mail.user": "site",
            "notify.mail.password_file": str(tmp_path / "secret")})
        finds(host, engine)
        engine.wait_for(lambda: mail.mails)
        assert "evil.example.com" in mail.mails[0]
        assert mail.logins == [(True, b"\0site\0hush")]
        mail.shutdown()


def test_a_password_is_not_sent_in_the_clear(hosts, service, tmp_path):
    (tmp_path / "secret").write_text("hush\n")
    with Mail() as mail:
        host, engine = sensor(hosts, service, **{
            "notify.mail.server": f"smtp://localhost:{mail.port}", "notify.mail.to": "team@example.com",
            "notify.mail.user": "site", "notify.mail.password_file": str(tmp_path / "secret")})
        finds(host, engine)
        time.sleep(4)
        assert not mail.logins and not mail.mails
        mail.shutdown()
        stderr = engine.close()[1]
        assert "a message (mail) could not be sent" in stderr


def test_syslog_over_tcp(hosts, service):
    with socket.create_server(("127.0.0.1", 0)) as log:
        log.settimeout(30)
        host, engine = sensor(hosts, service, **{"notify.syslog": f"tcp://127.0.0.1:{log.getsockname()[1]}"})
        finds(host, engine)
        with log.accept()[0] as connection:
            data = b"".join(iter(lambda: connection.recv(8192), b""))
    length, _, line = data.partition(b" ")
    assert int(length) == len(line)  # octet counting (RFC 6587, 3.4.1)
    assert line.startswith(b"<84>1 ") and b'indicator="evil.example.com"' in line


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["findings"])
        self.server.release.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def test_what_was_not_delivered_is_sent_after_a_kill(hosts, service):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as hook:
        hook.daemon_threads, hook.posted, hook.release = True, [], threading.Event()
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        host, engine = sensor(hosts, service, **{"notify.webhook": f"http://127.0.0.1:{hook.server_port}/"})
        finds(host, engine)
        engine.wait_for(lambda: hook.posted)
        os.kill(pid_of(engine, "metsuke-control"), 9)
        engine.wait_for(lambda: len(hook.posted) == 2)
        hook.release.set()
        time.sleep(5)
        # Not known to be delivered, it came again; known to be, it does not.
        assert len(hook.posted) == 2 and hook.posted[0] == hook.posted[1]
        hook.shutdown()


def test_a_fetch_has_its_time_limit(hosts, service):
    def drip():
        connection, _ = server.accept()
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                connection.sendall(b"# " + b"x" * 200 + b"\n")
                time.sleep(0.1)
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, daemon=True).start()
        _, engine = sensor(hosts, service, **{
            "intel.feeds.slow.url": f"http://127.0.0.1:{server.getsockname()[1]}/", "intel.feeds.slow.timeout": "2"})
        start = time.monotonic()
        engine.wait_for(lambda: source(engine, "slow").get("error"))
        assert "timed out" in source(engine, "slow")["error"] and time.monotonic() - start < 8
