"""Bombs of protocols other than HTTP/1: NAME: function(path, n) that writes a capture of a size in proportion to n."""
import struct
import subprocess
import zlib

from session import capture

BATCH = 50


def turns(hello, ask, answer, count):
    """count requests, answered in batches; ask, answer: of the request's number."""
    made = list(hello)
    for first in range(0, count, BATCH):
        made.append((True, b"".join(ask(i) for i in range(first, first + BATCH))))
        if answer:
            made.append((False, b"".join(answer(i) for i in range(first, first + BATCH))))
    return made


# ---- HTTP/2 ----

def h2(kind, flags, stream, body):
    return struct.pack("!I", len(body))[1:] + struct.pack("!BBI", kind, flags, stream) + body


H2_HELLO = [(True, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2(4, 0, 0, b"")), (False, h2(4, 0, 0, b"") + h2(4, 1, 0, b""))]
H2_GET = b"\x82\x86\x84\x41\x01h"


def h2_streams(path, n):
    capture(path, turns(H2_HELLO, lambda i: h2(1, 5, 2 * i + 1, H2_GET), lambda i: h2(1, 5, 2 * i + 1, b"\x88"), 100_000 * n))


def h2_resets(path, n):
    """Streams that are given up at once."""
    capture(path, turns(H2_HELLO, lambda i: h2(1, 5, 2 * i + 1, H2_GET) + h2(3, 0, 2 * i + 1, bytes(4)), None, 100_000 * n))


def h2_open(path, n):
    """Streams that never end."""
    capture(path, turns(H2_HELLO, lambda i: h2(1, 4, 2 * i + 1, H2_GET), None, 100_000 * n))


def h2_continuations(path, n):
    """Headers without end."""
    piece = b"\x00\x04name\x7f\x00" + b"v" * 127
    capture(path, H2_HELLO + [(True, h2(1, 0, 1, H2_GET) + h2(9, 0, 1, piece * 100) * 500 * n)])


def h2_index(path, n):
    """A header of 4,000 bytes that is named by one byte ever again."""
    capture(path, H2_HELLO + [(True, h2(1, 5, 1, H2_GET + b"\x40\x01a\x7f\xa1\x1e" + b"v" * 4000) +
                               b"".join(h2(1, 5, 2 * i + 3, H2_GET + b"\xbf" * 16000) for i in range(50 * n)))])


# ---- a million messages of the others, answered or not ----

def dns_tcp(port):
    def ask(i):
        return struct.pack("!HHHHHHH", 21, i & 0xffff, 0x100, 1, 0, 0, 0) + b"\x03www\x00\x00\x01\x00\x01"[:9]
    return lambda path, n: capture(path, turns([], ask, None, 100_000 * n), port=port)


def enip(path, n):
    """Requests of 64 services each, answered by nobody."""
    service = b"\x0e\x03\x20\x01\x24\x01\x30\x01"
    count = 64
    services = struct.pack("<H", count) + b"".join(struct.pack("<H", 2 + 2 * count + 8 * i) for i in range(count)) + service * count
    cip = b"\x0a\x02\x20\x02\x24\x01" + services
    data = bytes(6) + struct.pack("<HHHHH", 2, 0, 0, 0xb2, len(cip)) + cip
    capture(path, turns([], lambda i: struct.pack("<HHII8sI", 0x6f, len(data), 1, 0, struct.pack("<Q", i), 0) + data, None, 5_000 * n), port=44818)


def smb2(command, session, message, body, flags=0):
    head = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ16x", 64, 0, 0, command, 1, flags, 0, message, 0xfeff, 1, session)
    return struct.pack("!I", len(head) + len(body)) + head + body


def smb2_create(i):
    name = f"f{i}".encode("utf-16le")
    return smb2(5, 1, i, struct.pack("<HBBIQQIIIIIHHII", 57, 0, 0, 2, 0, 0, 0x120089, 0, 7, 1, 0, 120, len(name), 0, 0) + name)


def smb_messages(path, n):
    capture(path, turns([], lambda i: smb2(13, 1, i, struct.pack("<HH", 4, 0)),
                        lambda i: smb2(13, 1, i, struct.pack("<HH", 4, 0), 1), 100_000 * n), port=445)


def smb_packed(path, n):
    """Eight megabytes of zeros in 40 bytes, again and again."""
    message = b"\xfcSMB" + struct.pack("<IHHIII", 8 << 20, 4, 1, 8, 0, 8 << 20)
    capture(path, turns([], lambda i: smb2(13, 1, i, struct.pack("<HH", 4, 0)), None, BATCH) +
            [(True, (struct.pack("!I", len(message)) + message) * 10)] * 1_000 * n, port=445)


def smb_unanswered(path, n):
    capture(path, turns([], smb2_create, None, 50_000 * n), port=445)


def smb_files(path, n):
    """Files opened and never closed."""
    def answer(i):
        return smb2(5, 1, i, struct.pack("<HBBI4QQQIIQQII", 89, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, i, i, 0, 0), 1)
    capture(path, turns([], smb2_create, answer, 25_000 * n), port=445)


def ldap_message(number, operation):
    body = b"\x02\x04" + struct.pack("!I", number) + operation
    return b"\x30" + bytes([len(body)]) + body


def ldap(path, n):
    search = b"\x63\x1b\x04\x00\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x05class\x30\x00"
    search = search[:1] + bytes([len(search) - 2]) + search[2:]
    capture(path, turns([], lambda i: ldap_message(i + 1, search), None, 100_000 * n), port=389)


def ldap_entries(path, n):
    """One search, answers without end."""
    search = b"\x63\x1b\x04\x00\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x05class\x30\x00"
    search = search[:1] + bytes([len(search) - 2]) + search[2:]
    entry = ldap_message(1, b"\x64\x09\x04\x05dc=ab\x30\x00")
    capture(path, [(True, ldap_message(1, search)), (False, entry * 100_000 * n)], port=389)


def mqtt(path, n):
    hello = [(True, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"), (False, b"\x20\x02\x00\x00")]
    capture(path, turns(hello, lambda i: b"\x34\x07\x00\x01t" + struct.pack("!H", i % 65535 + 1) + b"xx", None, 100_000 * n), port=1883)


def lines(port, hello, ask, answer, per=100_000):
    """Commands that are lines."""
    def make(path, n):
        capture(path, turns(hello, lambda i: ask, (lambda i: answer) if answer else None, per * n), port=port)
    return make


SMTP_HELLO = [(False, b"220 h SMTP\r\n"), (True, b"EHLO h\r\n"), (False, b"250 h\r\n"), (True, b"MAIL FROM:<a@b>\r\n"), (False, b"250 ok\r\n")]
FTP_HELLO = [(False, b"220 FTP\r\n"), (True, b"USER a\r\n"), (False, b"331 a\r\n")]
IMAP_HELLO = [(False, b"* OK IMAP4rev1\r\n"), (True, b"a LOGIN b c\r\n"), (False, b"a OK\r\n")]
REDIS_HELLO = [(True, b"*1\r\n$4\r\nPING\r\n"), (False, b"+PONG\r\n")]
POP3_HELLO = [(False, b"+OK POP3\r\n"), (True, b"USER a\r\n"), (False, b"+OK\r\n")]


def long_line(port, hello):
    """A line of n times 4 MB."""
    def make(path, n):
        capture(path, hello + [(True, b"NOOP " + b"x" * (n << 22) + b"\r\n"), (False, b"500 no\r\n")], port=port)
    return make


def mail(path, text):
    capture(path, SMTP_HELLO + [(True, b"RCPT TO:<c@d>\r\n"), (False, b"250 ok\r\n"), (True, b"DATA\r\n"), (False, b"354 go\r\n"),
                                (True, text + b"\r\n.\r\n"), (False, b"250 ok\r\n")], port=25)


def mail_layers(path, n):
    """Multiparts in multiparts."""
    mail(path, b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(20_000 * n)))


def mail_letters(path, n):
    """Mails in mails."""
    mail(path, b"Content-Type: message/rfc822\r\n\r\n" * 50_000 * n)


def der(tag, body):
    size = len(body).to_bytes(4, "big")
    return bytes([tag, 0x84]) + size + body


def mail_signed(path, n):
    """S/MIME in S/MIME, twenty layers, and the next."""
    text = b"Content-Type: text/plain\r\n\r\n" + b"x" * 2_000
    for _ in range(20):
        data = der(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" + der(0xa0, der(4, text)))
        signed = der(0x30, b"\x02\x01\x01" + der(0x31, b"") + data + der(0x31, b""))
        info = der(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + der(0xa0, signed))
        text = (b"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n"
                b"Content-Transfer-Encoding: binary\r\n\r\n" + info)
    part = b"--b\r\n" + text + b"\r\n"
    mail(path, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part.replace(b"\n.", b"\n..") * 200 * n)


def mail_parts(path, n):
    """Attachments without end."""
    part = b"--b\r\nContent-Disposition: attachment; filename=a.txt\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n"
    mail(path, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 10_000 * n)


def mail_headers(path, n):
    """A header folded without end, of words that are coded."""
    mail(path, b"Subject: x\r\n" + b" =?utf-8?q?=41?=\r\n" * 100_000 * n + b"\r\nx")


# ---- many of one thing in one message, for rules that look at each ----

def dns_names(path, n):
    """Messages of 48 KB of questions, and 64 KB of answers."""
    ask = struct.pack("!HHHHHH", 1, 0x100, 8_000, 0, 0, 0) + b"\x01a\x00\x00\x01\x00\x01" + b"\xc0\x0c\x00\x01\x00\x01" * 7_999
    tell = struct.pack("!HHHHHH", 1, 0x8180, 1, 4_600, 0, 0) + b"\x01a\x00\x00\x01\x00\x01" + b"\xc0\x0c\x00\x05\x00\x01\0\0\0\0\0\2\xc0\x0c" * 4_600
    capture(path, [(True, struct.pack("!H", len(ask)) + ask), (False, struct.pack("!H", len(tell)) + tell)] * 4 * n, port=53)


def http_headers(path, n):
    line = b"X: v\r\n"
    one = b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X%d: v\r\n" % i for i in range(1000)) + b"\r\n"
    capture(path, [(True, one), (False, b"HTTP/1.1 204 N\r\n" + line * 1000 + b"\r\n")] * 20 * n)


def h2_headers(path, n):
    many = H2_GET + b"\x00\x01a\x01b" * 1000
    capture(path, turns(H2_HELLO, lambda i: h2(1, 5, 2 * i + 1, many), lambda i: h2(1, 5, 2 * i + 1, b"\x88" + b"\x00\x01a\x01b" * 1000), 50 * n))


def mqtt_topics(path, n):
    hello = [(True, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"), (False, b"\x20\x02\x00\x00")]
    body = b"\x00\x01" + b"\x00\x01t\x00" * 50_000
    size, var = len(body), b""
    while size:
        var += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
    capture(path, hello + [(True, b"\x82" + var + body)] * 2 * n, port=1883)


def ber(tag, body):
    size = len(body)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x83" + struct.pack("!I", size)[1:]) + body


def ldap_attributes(path, n):
    search = b"\x04\x00\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x05class"
    capture(path, [(True, ber(0x30, b"\x02\x01\x01" + ber(0x63, search + ber(0x30, b"\x04\x01a" * 5_000))))] +
            [(False, ber(0x30, b"\x02\x01\x01" + ber(0x64, b"\x04\x05dc=ab" + ber(0x30, ber(0x30, b"\x04\x01a" + ber(0x31, b"")) * 2_000))))] * 5 * n,
            port=389)


def smtp_recipients(path, n):
    capture(path, turns(SMTP_HELLO, lambda i: b"RCPT TO:<c%d@d>\r\n" % i, lambda i: b"250 ok\r\n", 5_000 * n) +
            [(True, b"DATA\r\n"), (False, b"354 go\r\n"), (True, b"Subject: x\r\n\r\nx\r\n.\r\n"), (False, b"250 ok\r\n")], port=25)


def mail_urls(path, n):
    mail(path, b"Subject: x\r\n\r\n" + b"".join(b"http://h%d.example/\r\n" % i for i in range(10_000 * n)))


def mail_received(path, n):
    mail(path, b"Received: from a by b\r\n" * 5_000 * n + b"\r\nx")


def tls_certificates(path, n):
    """A chain of certificates without end."""
    hello = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\x00\x2f\x01\x00"
    answer = b"\x03\x03" + bytes(32) + b"\x00\x00\x2f\x00"
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=a", "-keyout",
                           "/dev/null", "-outform", "DER"], capture_output=True, check=True)
    certificates = (struct.pack("!I", len(done.stdout))[1:] + done.stdout) * 100

    def handshake(kind, body):
        message = bytes([kind]) + struct.pack("!I", len(body))[1:] + body
        return b"".join(b"\x16\x03\x03" + struct.pack("!H", len(message[at:at + 16000])) + message[at:at + 16000] for at in range(0, len(message), 16000))
    capture(path, [(True, handshake(1, hello)), (False, handshake(2, answer) + handshake(11, struct.pack("!I", len(certificates))[1:] + certificates) * n)], port=443)


def sdp_lines(path, n):
    body = b"v=0\r\no=a 1 1 IN IP4 h\r\ns=x\r\nt=0 0\r\n" + b"a=b\r\n" * 3_000
    head = b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nFrom: a\r\nTo: b\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n"
    capture(path, [(True, head % len(body) + body)] * 20 * n, port=5060)


def irc_words(path, n):
    capture(path, turns([(True, b"NICK a\r\nUSER a 0 * :a\r\n"), (False, b":s 001 a :x\r\n")], lambda i: b"PRIVMSG" + b" a" * 250 + b"\r\n", None, 1_000 * n), port=6667)


def redis_words(path, n):
    capture(path, REDIS_HELLO +
            [(True, b"*10000\r\n" + b"$1\r\na\r\n" * 10_000), (False, b"*10000\r\n" + b"$1\r\na\r\n" * 10_000)] * 5 * n, port=6379)


# ---- compressed ----

def websocket(path, n):
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = z.compress(bytes(n << 23)) + z.flush(zlib.Z_SYNC_FLUSH)
    ask = b"GET /w HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    answer = b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    capture(path, [(True, ask), (False, answer), (False, b"\xc2\x7f" + struct.pack("!Q", len(body)) + body)])


def mysql(path, n):
    """The compressed protocol: packets of 16 MB less one, a few KB each on the wire."""
    greeting = b"\x0a5.7.1\0" + struct.pack("<I", 1) + b"12345678\0" + struct.pack("<HBHHB", 0xffff, 33, 2, 0xffff, 21) + bytes(10) + b"123456789012\0"
    login = struct.pack("<IIB23x", 0x0002a2ad | 0x20, 1 << 24, 33) + b"root\0\0"
    body = zlib.compress(struct.pack("<I", 0x00fffffb)[:3] + b"\0" + b"\x03" + b"s" * (0xfffffb - 1))
    packet = struct.pack("<I", len(body))[:3] + b"\0" + b"\xff\xff\xff" + body

    def plain(number, data):
        return struct.pack("<I", len(data))[:3] + bytes([number]) + data
    capture(path, [(False, plain(0, greeting)), (True, plain(1, login)), (False, plain(2, b"\0\0\0\2\0\0\0"))] +
            [(True, packet)] * 2 * n, port=3306)


KINDS = {
    "h2 streams": h2_streams, "h2 resets": h2_resets, "h2 open": h2_open, "h2 continued": h2_continuations, "h2 index": h2_index,
    "dns": dns_tcp(53), "llmnr": dns_tcp(5355), "syslog": lines(514, [], b"<13>1 - - - - - - x\n", None, 200_000),
    "syslog counted": lines(601, [], b"20 <13>1 - - - - - - x\xff", None, 200_000), "enip": enip,
    "modbus": lines(502, [], b"\0\1\0\0\0\6\1\3\0\0\0\1", b"\0\1\0\0\0\5\1\3\2\0\0"),
    "modbus unanswered": lines(502, [], b"\0\1\0\0\0\6\1\3\0\0\0\1", None), "smb packed": smb_packed,
    "smb": smb_messages, "smb unanswered": smb_unanswered, "smb files": smb_files, "ldap": ldap, "ldap entries": ldap_entries,
    "mqtt": mqtt, "websocket": websocket, "mysql": mysql,
    "smtp rcpt": lines(25, SMTP_HELLO, b"RCPT TO:<c@d>\r\n", b"250 ok\r\n"), "smtp noop": lines(25, SMTP_HELLO, b"NOOP\r\n", None),
    "ftp": lines(21, FTP_HELLO, b"CWD /\r\n", b"250 ok\r\n"), "ftp unanswered": lines(21, FTP_HELLO, b"CWD /\r\n", None),
    "imap": lines(143, IMAP_HELLO, b"b NOOP\r\n", b"b OK x\r\n"), "imap unanswered": lines(143, IMAP_HELLO, b"b NOOP\r\n", None),
    "pop3": lines(110, POP3_HELLO, b"NOOP\r\n", b"+OK\r\n"), "pop3 unanswered": lines(110, POP3_HELLO, b"NOOP\r\n", None),
    "redis": lines(6379, [], b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"), "redis nested": lines(6379, REDIS_HELLO, b"*1\r\n", None),
    "http unanswered": lines(80, [], b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", None),
    "smtp line": long_line(25, SMTP_HELLO), "ftp line": long_line(21, FTP_HELLO), "imap line": long_line(143, IMAP_HELLO),
    "pop3 line": long_line(110, POP3_HELLO), "mail layers": mail_layers, "mail letters": mail_letters, "mail signed": mail_signed,
    "mail parts": mail_parts,
    "mail headers": mail_headers, "dns names": dns_names, "http headers": http_headers, "h2 headers": h2_headers,
    "mqtt topics": mqtt_topics, "ldap attributes": ldap_attributes, "smtp recipients": smtp_recipients, "mail urls": mail_urls,
    "mail received": mail_received, "tls certificates": tls_certificates, "sdp lines": sdp_lines, "irc words": irc_words,
    "redis words": redis_words,
}

# Rules that look at every one of many, and find nothing.
LOOKING = "".join(f'alert {proto} any any -> any any (msg:"{buffer}"; {buffer}; pcre:"/[^ -~]zq/"; sid:{9000000 + i};)\n' for i, (proto, buffer) in enumerate([
    ("dns", "dns.query"), ("dns", "dns.queries.rrname"), ("dns", "dns.answers.rrname"), ("dns", "dns.response.rrname"), ("http", "http.request_header"),
    ("http", "http.response_header"), ("http2", "http2.header_name"), ("mqtt", "mqtt.subscribe.topic"), ("ldap", "ldap.request.attribute_type"),
    ("ldap", "ldap.responses.attribute_type"), ("ldap", "ldap.responses.dn"), ("smtp", "smtp.rcpt_to"), ("smtp", "email.url"), ("smtp", "email.received"),
    ("smtp", "file.name"), ("smtp", "file.data"), ("tls", "tls.certs"), ("tls", "tls.subjectaltname"), ("tls", "tls.alpn"), ("sip", "sdp.attribute"),
    ("syslog", "syslog.message"), ("llmnr", "llmnr.queries.rrname"), ("irc", "irc.params"), ("redis", "redis.value"), ("krb5", "krb5.sname"), ("ftp", "ftp.reply")]))
