#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the sample capture: a working day of a small office in which one host gets infected.

usage: office.py OUT.pcap [--seed N] [--story]      --story: says what happens, when and to whom

Ten hosts (192.168.10.21 to .30) look up names and browse by HTTP and TLS. In the morning a mail brings
an attachment to 192.168.10.24; the program it fetches looks for its control server under names made
up by the day, finds update.cdn-telemetry.example (198.51.100.77) and reports to it until the evening,
by HTTP and by TLS with a certificate it signed itself. Names and addresses are those reserved for
documentation (RFC 2606, RFC 5737); the "programs" are a header and random bytes, nothing that runs.
The same seed gives the same file.
"""
import argparse
import datetime
import random

import protocols as p
from wire import Tcp, Wire, ip_bytes

DAY = int(datetime.datetime(2024, 5, 14, tzinfo=datetime.timezone.utc).timestamp())
LAN, ROUTER, MAIL = "192.168.10.", "192.168.10.1", "192.168.10.5"
HOSTS = [f"{LAN}{n}" for n in range(21, 31)]
INFECTED = f"{LAN}24"
CONTROL, CONTROL_IP = "update.cdn-telemetry.example", "198.51.100.77"
DROPPER, DROPPER_IP = "files.parcel-track.example", "203.0.113.66"
BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
]
BOT_AGENT = "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)"
# name, address, encrypted, weight
SITES = [
    ("www.search.example", "192.0.2.10", "tls13", 9), ("mail.cloud-office.example", "192.0.2.20", "tls13", 8),
    ("docs.cloud-office.example", "192.0.2.21", "tls13", 6), ("www.news-daily.example", "192.0.2.30", "tls12", 6),
    ("static.news-daily.example", "192.0.2.31", "tls12", 5), ("www.city-weather.example", "192.0.2.40", "http", 5),
    ("shop.stationery.example", "192.0.2.50", "tls12", 3), ("www.train-times.example", "192.0.2.60", "http", 4),
    ("updates.os-vendor.example", "192.0.2.70", "http", 3), ("api.chat-work.example", "192.0.2.80", "tls13", 8),
    ("cdn.fonts.example", "192.0.2.90", "tls13", 5), ("intranet.partner.example", "192.0.2.100", "tls12", 2),
]


def program(rng, size):
    """Looks like a Windows program from the outside; is none."""
    stub = b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8" + bytes(43) + b"\x80\0\0\0"
    stub += b"\x0e\x1f\xba\x0e\0\xb4\x09\xcd\x21\xb8\1\x4c\xcd\x21This program cannot be run in DOS mode.\r\r\n$"
    return (stub.ljust(128, b"\0") + b"PE\0\0\x4c\1\5\0").ljust(512, b"\0") + rng.randbytes(size - 512)


class Office:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.wire = Wire(self.rng, LAN, ROUTER)
        self.story = []
        self.ports = {}
        self.chains = {}

    def tell(self, when, text):
        self.story.append((when, text))

    def port(self, host):
        self.ports[host] = self.ports.get(host, self.rng.randrange(49152, 60000)) + 1
        return self.ports[host]

    def tcp(self, when, client, server, dport):
        near = server.startswith(LAN)
        return Tcp(self.wire, when, client, self.port(client), server, dport,
                   0.0006 if near else 0.008 + self.rng.random() * 0.03)

    def ask(self, when, host, name, address, both=True):
        """A name asked of the resolver; address None: there is no such name. When it is answered."""
        for kind in (1, 28) if both else (1,):
            ident, sport = self.rng.randrange(65536), self.port(host)
            data = None if address is None else ip_bytes(address) if kind == 1 else b""
            self.wire.udp(when, host, sport, ROUTER, 53, p.dns_question(ident, name, kind))
            answered = when + 0.004 + self.rng.random() * 0.02
            self.wire.udp(answered, ROUTER, 53, host, sport, p.dns_answer(ident, name, kind, data))
            when += 0.0003
        return answered + 0.001

    def chain(self, name):
        """The certificate of a site and of who issued it."""
        if name not in self.chains:
            issuer = [("C", "NL"), ("O", "Example Trust Services"), ("CN", "Example Trust TLS CA 3")]
            subject = [("C", "NL"), ("O", name.split(".")[1]), ("CN", name)]
            root = [("C", "NL"), ("O", "Example Trust Services"), ("CN", "Example Trust Root")]
            start = DAY - self.rng.randrange(30, 200) * 86400
            self.chains[name] = [p.certificate(self.rng, subject, issuer, [name], start),
                                 p.certificate(self.rng, issuer, root, [], start - 10 ** 8)]
        return self.chains[name]

    # ---- an ordinary day ----

    def page(self, host):
        words = ["monday", "train", "market", "rain", "office", "report", "city", "music", "price", "harbour", "window"]
        text = " ".join(self.rng.choice(words) for _ in range(self.rng.randrange(200, 2500)))
        return f"<!doctype html><html><head><title>{host}</title></head><body><p>{text}</p></body></html>".encode()

    def browse_http(self, when, host, name, address):
        agent = BROWSERS[int(host.split(".")[3]) % len(BROWSERS)]
        headers = [("User-Agent", agent), ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
                   ("Accept-Language", "en-GB,en;q=0.7"), ("Accept-Encoding", "gzip, deflate"),
                   ("Connection", "keep-alive")]
        tcp = self.tcp(when, host, address, 80)
        uri = self.rng.choice(["/", "/today", "/search?q=harbour", "/news/latest.html", "/api/v1/status?lang=en"])
        tcp.client(p.http_request("GET", name, uri, headers))
        tcp.server(p.http_response("200 OK", "text/html; charset=utf-8", self.page(name), tcp.when, packed=True))
        for n in range(self.rng.randrange(0, 4)):
            tcp.client(p.http_request("GET", name, f"/img/{n}.png", [*headers, ("Referer", f"http://{name}{uri}")]))
            image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + self.rng.randbytes(self.rng.randrange(300, 9000))
            tcp.server(p.http_response("200 OK", "image/png", image, tcp.when))
        tcp.wait(self.rng.random() * 5).close()

    def browse_tls(self, when, host, name, address, version):
        sizes = [(self.rng.randrange(200, 900), self.rng.randrange(300, 12000))
                 for _ in range(self.rng.randrange(1, 4))]
        tcp = self.tcp(when, host, address, 443)
        p.tls_session(tcp, self.rng, name, self.chain(name) if version == "tls12" else None, sizes)

    def background(self):
        weights = [site[3] for site in SITES]
        for host in HOSTS:
            come, go = DAY + 8 * 3600 + self.rng.randrange(3600), DAY + 17 * 3600 + self.rng.randrange(3600)
            self.wire.arp(come, host, ROUTER)
            for _ in range(self.rng.randrange(28, 45)):
                when = come + 1 + self.rng.random() * (go - come)
                name, address, how, _ = self.rng.choices(SITES, weights)[0]
                when = self.ask(when, host, name, address)
                if how == "http":
                    self.browse_http(when, host, name, address)
                else:
                    self.browse_tls(when, host, name, address, how)
            for hour in range(9, 18, 2):
                request = b"\x23" + bytes(39) + self.rng.randbytes(8)
                when = DAY + hour * 3600 + self.rng.random() * 900
                self.wire.udp(when, host, 123, "192.0.2.123", 123, request)
                self.wire.udp(when + 0.02, "192.0.2.123", 123, host, 123, b"\x24\2" + bytes(14) + self.rng.randbytes(32))

    def own_mail(self):
        """A harmless one, for comparison."""
        when = DAY + 10 * 3600 + 1200
        message = p.mail("Planning <planning@partner.example>", "anna@office.example", "Agenda for Thursday",
                         ["Dear Anna,", "", "the agenda is attached.", "", "Regards, Planning"], "agenda.pdf",
                         "application/pdf", b"%PDF-1.4\n" + self.rng.randbytes(4000) + b"\n%%EOF\n", when, "20240514.17")
        p.smtp_session(self.tcp(when, "192.0.2.101", MAIL, 25), "mx.partner.example", "mail.office.example",
                       "planning@partner.example", "anna@office.example", message)

    # ---- what goes wrong ----

    def lure(self, when):
        self.tell(when, f"a mail with invoice_8841.pdf.exe reaches the mail server ({MAIL}) from 203.0.113.25")
        message = p.mail("Parcel Service <no-reply@parcel-track.example>", "anna@office.example",
                         "Your parcel could not be delivered (invoice 8841)",
                         ["Dear customer,", "", "please open the attached invoice to arrange a new delivery,",
                          f"or get it here: http://{DROPPER}/invoice/scan_8841.exe"], "invoice_8841.pdf.exe",
                         "application/octet-stream", program(self.rng, 6000), when, "8841.7f3a")
        p.smtp_session(self.tcp(when, "203.0.113.25", MAIL, 25), "smtp-out.parcel-track.example",
                       "mail.office.example", "no-reply@parcel-track.example", "anna@office.example", message)

    def download(self, when):
        self.tell(when, f"{INFECTED} fetches http://{DROPPER}/invoice/scan_8841.exe")
        when = self.ask(when, INFECTED, DROPPER, DROPPER_IP)
        tcp = self.tcp(when, INFECTED, DROPPER_IP, 80)
        tcp.client(p.http_request("GET", DROPPER, "/invoice/scan_8841.exe", [
            ("User-Agent", BROWSERS[0]), ("Accept", "*/*"), ("Connection", "keep-alive")]))
        tcp.server(p.http_response("200 OK", "application/octet-stream", program(self.rng, 96000), tcp.when,
                                   server="Apache/2.4.29",
                                   extra=[("Content-Disposition", 'attachment; filename="scan_8841.exe"')]))
        return tcp.close()

    def rendezvous(self, when):
        """Names made up by the day, none of which exists, until one does."""
        self.tell(when, f"{INFECTED} asks for made-up names, then for {CONTROL}")
        day = random.Random(f"{DAY}")
        for _ in range(24):
            name = "".join(day.choice("bcdfghjklmnpqrstvwxz" if day.random() < 0.8 else "aeiouy")
                           for _ in range(day.randrange(13, 19)))
            when = self.ask(when, INFECTED, f"{name}.{day.choice(['com', 'net', 'biz', 'info'])}.example", None, False)
            when += 0.3 + self.rng.random()
        return self.ask(when, INFECTED, CONTROL, CONTROL_IP, False)

    def second_stage(self, when):
        self.tell(when, f"{INFECTED} fetches a program named logo.jpg from http://{CONTROL_IP}/")
        tcp = self.tcp(when, INFECTED, CONTROL_IP, 80)
        tcp.client(p.http_request("GET", CONTROL_IP, "/img/logo.jpg", [("User-Agent", BOT_AGENT), ("Accept", "*/*")]))
        tcp.server(p.http_response("200 OK", "image/jpeg", program(self.rng, 42000), tcp.when, server="nginx"))
        tcp.close()

    def beacon(self, when, count):
        if count % 6 == 0:
            when = self.ask(when, INFECTED, CONTROL, CONTROL_IP, False)
        tcp = self.tcp(when, INFECTED, CONTROL_IP, 80)
        body = f"id=7c31f0&os=10.0&n={count}&d={self.rng.randbytes(48).hex()}".encode()
        tcp.client(p.http_request("POST", CONTROL, "/gate.php", [
            ("User-Agent", BOT_AGENT), ("Content-Type", "application/x-www-form-urlencoded")], body))
        tcp.server(p.http_response("200 OK", "text/html", self.rng.randbytes(12).hex().encode(), tcp.when, server="nginx"))
        tcp.close()

    def upload(self, when, port):
        self.tell(when, f"{INFECTED} sends data to {CONTROL}:{port} by TLS, self-signed certificate")
        name = [("C", "AU"), ("ST", "Some-State"), ("O", "Internet Widgits Pty Ltd")]
        if CONTROL not in self.chains:
            self.chains[CONTROL] = [p.certificate(self.rng, name, name, [], DAY - 9 * 86400)]
        when = self.ask(when, INFECTED, CONTROL, CONTROL_IP, False)
        p.tls_session(self.tcp(when, INFECTED, CONTROL_IP, port), self.rng, CONTROL, self.chains[CONTROL],
                      [(30000, 120), (14000, 120)], browser=False)

    def infection(self):
        self.lure(DAY + 9 * 3600 + 720)
        end = self.download(DAY + 9 * 3600 + 2467)
        self.second_stage(self.rendezvous(end + 4) + 1)
        when, count = DAY + 9 * 3600 + 2600, 0
        self.tell(when, f"{INFECTED} reports to http://{CONTROL}/gate.php about every ten minutes until 17:30")
        while when < DAY + 17 * 3600 + 1800:
            self.beacon(when, count)
            when, count = when + 600 + self.rng.uniform(-20, 20), count + 1
        self.upload(DAY + 11 * 3600 + 95, 443)
        self.upload(DAY + 14 * 3600 + 1310, 4443)
        self.upload(DAY + 16 * 3600 + 2005, 443)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=8841)
    parser.add_argument("--story", action="store_true", help="say what happens")
    arguments = parser.parse_args()
    office = Office(arguments.seed)
    office.background()
    office.own_mail()
    office.infection()
    office.wire.write(arguments.out)
    if arguments.story:
        for when, text in sorted(office.story):
            print(datetime.datetime.fromtimestamp(when, datetime.timezone.utc).strftime("%H:%M:%S"), text)
        print(f"{len(office.wire.frames)} packets of {len(HOSTS)} hosts in {arguments.out}")


if __name__ == "__main__":
    main()
