"""TLS over TCP: hellos and handshakes in many shapes, and what records and rules make of them."""
import hashlib

import pytest
import tls_talk as tls
from cryptography.hazmat.primitives.serialization import Encoding
from packets import tcp_session

RULES = "".join(f"alert tls any any -> any any ({body} sid:{sid};)\n" for sid, body in {
    1: 'tls.sni; content:"www.example.com";',
    2: 'tls.cert_subject; content:"CN=www.example.com";',
    3: 'tls.cert_issuer; content:"CN=Test Intermediate";',
    4: "tls.cert_chain_len:3;",
    9: 'app-layer-event:tls.invalid_record_length;',
    10: 'app-layer-event:tls.invalid_handshake_message;',
    11: 'app-layer-event:tls.handshake_invalid_length;',
    12: 'app-layer-event:tls.invalid_ssl_record;',
    13: 'tls.alpn; content:"h2";',
}.items())


def look(inspect, turns, options=(), **kw):
    result = inspect(tcp_session(turns, dport=kw.pop("dport", 443), **kw), RULES, options)
    return result, [e["tls"] for e in result.events("tls")]


def sha1(cert):
    return ":".join(f"{b:02x}" for b in hashlib.sha1(cert.public_bytes(Encoding.DER)).digest())


@pytest.mark.parametrize("size,segment", [(1, 1400), (64, 7), (16384, 1), (16384, 1400)])
def test_large_hello(inspect, size, segment):
    """A hello with post-quantum keys in records and segments of any size."""
    hello = tls.client_hello("www.example.com", (b"h2",), (tls.X25519MLKEM768, tls.X25519), ech=True)
    answer = tls.server_hello(tls.X25519MLKEM768)
    result, records = look(inspect, [("c", tls.records(hello, size)),
                                     ("s", tls.records(answer, size, version=0x0303) + tls.CHANGE_CIPHER_SPEC +
                                      tls.sealed(2000)),
                                     ("c", tls.CHANGE_CIPHER_SPEC + tls.sealed(60))], segment=segment)
    assert [(r["sni"], r["version"]) for r in records] == [("www.example.com", "TLS 1.3")]
    assert set(result.sids()) == {1, 13}
    assert "anomaly" not in [e["event_type"] for e in result.events()]


def test_retry(inspect):
    """HelloRetryRequest: two hellos of the client, one transaction."""
    first = tls.client_hello("www.example.com", (b"h2",), (tls.X25519,), session=b"s" * 32)
    retry = tls.server_hello(tls.P256, tls.RETRY, session=b"s" * 32)
    second = tls.client_hello("www.example.com", (b"h2",), (tls.P256,), session=b"s" * 32, cookie=b"cookie")
    answer = tls.server_hello(tls.P256, session=b"s" * 32)
    result, records = look(inspect, [
        ("c", tls.records(first)),
        ("s", tls.records(retry, version=0x0303) + tls.CHANGE_CIPHER_SPEC),
        ("c", tls.CHANGE_CIPHER_SPEC + tls.records(second, version=0x0303)),
        ("s", tls.records(answer, version=0x0303) + tls.sealed(2000)),
        ("c", tls.sealed(60))])
    assert [(r["sni"], r["version"], r.get("session_resumed")) for r in records] == [
        ("www.example.com", "TLS 1.3", None)]
    assert set(result.sids()) == {1, 13}


def test_retry_of_openssl(inspect):
    result, records = look(inspect, tls.Talk("1.3", curve="secp384r1").turns())
    assert [(r["sni"], r["version"]) for r in records] == [("www.example.com", "TLS 1.3")]
    assert set(result.sids()) == {1}


@pytest.mark.parametrize("padding,segment", [(0, 1400), (3000, 11), (20000, 1400), (60000, 1400)])
def test_chain(inspect, padding, segment):
    """A chain of three, up to some records long."""
    who = tls.chain(padding=padding)
    result, records = look(inspect, tls.Talk(server=who).turns(), segment=segment)
    assert [(r["sni"], r["version"], r["subject"], r["issuerdn"], r["fingerprint"]) for r in records] == [
        ("www.example.com", "TLS 1.2", "CN=www.example.com", "CN=Test Intermediate", sha1(who[0]))]
    assert set(result.sids()) == {1, 2, 3, 4}


@pytest.mark.parametrize("size", [50, 16384])
def test_messages_in_records(inspect, size):
    """All messages of the server's flight in one record, or in many small ones."""
    turns = tls.Talk(server=tls.chain(padding=3000)).turns()
    at = next(i for i, (who, _) in enumerate(turns) if who == "s")
    turns[at] = ("s", tls.recut(turns[at][1], size))
    result, records = look(inspect, turns)
    assert [(r["sni"], r["subject"]) for r in records] == [("www.example.com", "CN=www.example.com")]
    assert set(result.sids()) == {1, 2, 3, 4}


def test_client_certificate(inspect):
    who, client = tls.chain(), tls.chain("client.example.com")
    result, records = look(inspect, tls.Talk(server=who, client=client).turns())
    assert records[0]["client"]["subject"] == "CN=client.example.com", records
    assert records[0]["client"]["fingerprint"] == sha1(client[0])
    assert records[0]["subject"] == "CN=www.example.com"


def test_resumption(inspect):
    """The second connection by a ticket: no certificate; logged as resumed."""
    talk = tls.Talk()
    first = look(inspect, talk.turns())[1]
    again = look(inspect, talk.turns(), sport=50001)[1]
    assert "session_resumed" not in first[0]
    assert again[0].get("session_resumed") is True
    assert "subject" not in again[0]


STARTTLS = {
    "smtp": (25, [("s", b"220 mx.example ESMTP\r\n"), ("c", b"EHLO a.example\r\n"),
                  ("s", b"250-mx.example\r\n250 STARTTLS\r\n"), ("c", b"STARTTLS\r\n"), ("s", b"220 Ready\r\n")]),
    "imap": (143, [("s", b"* OK ready\r\n"), ("c", b"a1 CAPABILITY\r\n"),
                   ("s", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n"), ("c", b"a2 STARTTLS\r\n"),
                   ("s", b"a2 OK begin\r\n")]),
    "pop3": (110, [("s", b"+OK ready\r\n"), ("c", b"CAPA\r\n"), ("s", b"+OK\r\nSTLS\r\n.\r\n"), ("c", b"STLS\r\n"),
                   ("s", b"+OK begin\r\n")]),
    "ftp": (21, [("s", b"220 ready\r\n"), ("c", b"AUTH TLS\r\n"), ("s", b"234 go\r\n")]),
    "ldap": (389, [("c", bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"),
                   ("s", bytes.fromhex("300c02010178070a010004000400"))]),
    "pgsql": (5432, [("c", bytes.fromhex("0000000804d2162f")), ("s", b"S")]),
    "mysql": (3306, [("s", bytes.fromhex("4a0000000a") + b"8.0.36\0" + bytes.fromhex("0800000001020304050607080000") +
                      b"\xff\xff\xff\x02\x00\xff\xdf\x15" + b"\0" * 10 + b"abcdefghijkl\0" + b"mysql_native_password\0"),
                     ("c", bytes.fromhex("2000000105aeff1900000001ff") + b"\0" * 23)]),
    "xmpp": (5222, [("c", b"<?xml version='1.0'?><stream:stream to='x.example' xmlns='jabber:client' "
                     b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"),
                    ("s", b"<?xml version='1.0'?><stream:stream from='x.example' id='1' xmlns='jabber:client' "
                     b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features>"
                     b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"),
                    ("c", b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
                    ("s", b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")]),
}


@pytest.mark.parametrize("version,segment", [("1.2", 1400), ("1.3", 17)])
@pytest.mark.parametrize("protocol", STARTTLS)
def test_starttls(inspect, protocol, version, segment):
    port, before = STARTTLS[protocol]
    if protocol == "mysql":  # its packets say their length
        greeting = before[0][1][4:]
        before = [("s", len(greeting).to_bytes(3, "little") + b"\0" + greeting), before[1]]
    result, records = look(inspect, tls.Talk(version).turns(before=before), dport=port, segment=segment)
    assert [(r["sni"], r["version"]) for r in records] == [("www.example.com", "TLS " + version)]
    assert set(result.sids()) == ({1, 2, 3, 4} if version == "1.2" else {1})
    assert [e["app_proto"] for e in result.events("flow")] == ["tls"]
