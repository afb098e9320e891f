"""Logons: Kerberos, LDAP, SMTP, RDP."""
import base64
import struct

import pytest
import smb_talk as s
import tls_talk as tls
from packets import tcp_session

# ---- DER ----


def der(tag, *parts):
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else b"\x82" + struct.pack(">H", len(body))
    return bytes([tag]) + size + body


def number(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def seq(*parts):
    return der(0x30, *parts)


def context(n, body):
    return der(0xa0 + n, body)


def text(value):
    return der(0x1b, value.encode())


def name(*parts, kind=1):
    return seq(context(0, number(kind)), context(1, seq(*(text(p) for p in parts))))


def sealed(etype, size=200):
    return seq(context(0, number(etype)), context(1, number(2)), context(2, der(4, tls.filler(size))))


# ---- Kerberos (RFC 4120) ----

TIME = der(0x18, b"20300101000000Z")
PADATA = seq(seq(context(1, number(2)), context(2, der(4, sealed(23, 60)))),
             seq(context(1, number(128)), context(2, der(4, seq(context(0, der(1, b"\xff")))))))


def request(kind, cname, sname, etypes=(18, 17, 23), padata=PADATA):
    body = [context(0, der(3, b"\0\x40\x81\0\x10"))]
    if cname:
        body.append(context(1, name(*cname)))
    body += [context(2, text("EXAMPLE.COM")), context(3, name(*sname, kind=2)), context(5, TIME),
             context(7, number(123456)), context(8, seq(*(number(e) for e in etypes)))]
    return der(0x60 + kind, seq(context(1, number(5)), context(2, number(kind)), context(3, padata),
                                context(4, seq(*body))))


def reply(kind, cname, sname, etype, ticket_etype, size=900):
    ticket = der(0x61, seq(context(0, number(5)), context(1, text("EXAMPLE.COM")), context(2, name(*sname, kind=2)),
                           context(3, sealed(ticket_etype, size))))
    return der(0x60 + kind, seq(context(0, number(5)), context(1, number(kind)), context(2, PADATA),
                                context(3, text("EXAMPLE.COM")), context(4, name(*cname)), context(5, ticket),
                                context(6, sealed(etype))))


def error(code, sname, cname=()):
    fields = [context(0, number(5)), context(1, number(30)), context(4, TIME), context(5, number(1)),
              context(6, number(code))]
    if cname:
        fields += [context(7, text("EXAMPLE.COM")), context(8, name(*cname))]
    return der(0x7e, seq(*fields, context(9, text("EXAMPLE.COM")), context(10, name(*sname, kind=2)),
                         context(11, text("no")), context(12, der(4, PADATA))))


def marked(message):
    return struct.pack(">I", len(message)) + message


KRBTGT, HOST = ("krbtgt", "EXAMPLE.COM"), ("cifs", "server.example.com")
KRB5_RULES = """
alert krb5 any any -> any any (krb5.cname; content:"alice"; sid:1;)
alert krb5 any any -> any any (krb5.sname; content:"cifs"; sid:2;)
alert krb5 any any -> any any (krb5_err_code:25; sid:3;)
alert krb5 any any -> any any (app-layer-event:krb5.weak_encryption; sid:4;)
alert krb5 any any -> any any (krb5.ticket_encryption:weak; sid:5;)
alert krb5 any any -> any any (app-layer-event:krb5.malformed_data; sid:6;)
"""


@pytest.mark.parametrize("segment", [1, 3, 1400])
def test_kerberos(inspect, segment):
    """Over TCP, the length of a message cut like the message; pre-authentication asked for; a weak ticket."""
    turns = [("c", marked(request(10, ("alice",), KRBTGT))), ("s", marked(error(25, KRBTGT))),
             ("c", marked(request(10, ("alice",), KRBTGT))), ("s", marked(reply(11, ("alice",), KRBTGT, 18, 18))),
             ("c", marked(request(12, (), HOST)) + marked(request(12, (), ("http", "web")))),
             ("s", marked(reply(13, ("alice",), HOST, 18, 23)) + marked(error(7, ("http", "web"))))]
    result = inspect(tcp_session(turns, dport=88, segment=segment), KRB5_RULES)
    records = [e["krb5"] for e in result.events("krb5")]
    assert [(r["msg_type"], r["cname"], r["sname"], r["encryption"], r.get("ticket_encryption"),
             r.get("error_code"), r.get("failed_request")) for r in records] == [
                 ("KRB_AS_REQ", "alice", "krbtgt/EXAMPLE.COM", "<none>", None, None, None),
                 ("KRB_ERROR", "<empty>", "krbtgt/EXAMPLE.COM", "<none>", None, "KDC_ERR_PREAUTH_REQUIRED", "KRB_AS_REQ"),
                 ("KRB_AS_REQ", "alice", "krbtgt/EXAMPLE.COM", "<none>", None, None, None),
                 ("KRB_AS_REP", "alice", "krbtgt/EXAMPLE.COM", "aes256-cts-hmac-sha1-96", "aes256-cts-hmac-sha1-96", None,
                  None),
                 ("KRB_TGS_REQ", "<empty>", "cifs/server.example.com", "<none>", None, None, None),
                 ("KRB_TGS_REQ", "<empty>", "http/web", "<none>", None, None, None),
                 ("KRB_TGS_REP", "alice", "cifs/server.example.com", "aes256-cts-hmac-sha1-96", "rc4-hmac", None, None),
                 ("KRB_ERROR", "<empty>", "http/web", "<none>", None, "KDC_ERR_S_PRINCIPAL_UNKNOWN", "KRB_TGS_REQ")]
    assert set(result.sids()) == {1, 2, 3, 5}


# ---- SMTP ----

@pytest.mark.parametrize("segment", [10, 1400])
@pytest.mark.parametrize("early", [False, True])
def test_smtp_ntlm(inspect, early, segment):
    """AUTH NTLM, with and without an initial response; two mails follow."""
    def line(data):
        return base64.b64encode(data) + b"\r\n"
    turns = [("s", b"220 mx ESMTP\r\n"), ("c", b"EHLO pc\r\n"), ("s", b"250-mx\r\n250 AUTH NTLM LOGIN\r\n")]
    if early:
        turns.append(("c", b"AUTH NTLM " + line(s.NTLM_NEGOTIATE)))
    else:
        turns += [("c", b"AUTH NTLM\r\n"), ("s", b"334 NTLM supported\r\n"), ("c", line(s.NTLM_NEGOTIATE))]
    turns += [("s", b"334 " + line(s.NTLM_CHALLENGE)), ("c", line(s.ntlm_authenticate("CORP", "jörg", "WS-7"))),
              ("s", b"235 2.7.0 Authentication successful\r\n")]
    for _ in range(2):
        turns += [("c", b"MAIL FROM:<a@example.com>\r\n"), ("s", b"250 OK\r\n"), ("c", b"RCPT TO:<b@example.com>\r\n"),
                  ("s", b"250 OK\r\n"), ("c", b"DATA\r\n"), ("s", b"354 go\r\n"),
                  ("c", b"From: a@example.com\r\nTo: b@example.com\r\n\r\nhello\r\n.\r\n"), ("s", b"250 OK\r\n")]
    result = inspect(tcp_session(turns + [("c", b"QUIT\r\n"), ("s", b"221 bye\r\n")], dport=25, segment=segment))
    assert [e["smtp"].get("ntlmssp") for e in result.events("smtp") if "mail_from" in e["smtp"]] == 2 * [
        {"domain": "CORP", "user": "jörg", "host": "WS-7", "version": "10.0 build 19041 rev 15"}]
    assert not result.events("anomaly")


# ---- LDAP ----

def ldap(number_of, op):
    return seq(number(number_of), op)


START_TLS = ldap(1, der(0x77, der(0x80, b"1.3.6.1.4.1.1466.20037")))
STARTED = ldap(1, der(0x78, der(0x0a, b"\0"), der(4), der(4)))


def test_ldap_bind(inspect):
    """NTLM in the parts of SICILY's and SASL's binds; a search whose entries are cut anywhere."""
    turns = [("c", ldap(1, der(0x60, number(3), der(4), der(0xa3, der(4, b"GSS-SPNEGO"), der(4, s.NTLM_NEGOTIATE))))),
             ("s", ldap(1, der(0x61, der(0x0a, b"\x0e"), der(4), der(4), der(0x87, s.NTLM_CHALLENGE)))),
             ("c", ldap(2, der(0x60, number(3), der(4), der(0xa3, der(4, b"GSS-SPNEGO"),
                                                            der(4, s.ntlm_authenticate("CORP", "jörg", "WS-7")))))),
             ("s", ldap(2, der(0x61, der(0x0a, b"\0"), der(4), der(4))))]
    result = inspect(tcp_session(turns, dport=389, segment=11))
    found = [e["ldap"]["request"]["bind_request"] for e in result.events("ldap")]
    assert [f.get("ntlmssp", {}).get("user") or f.get("sasl", {}).get("ntlmssp", {}).get("user") for f in found] == [
        None, "jörg"], found


def test_ldap_start_tls(inspect):
    """A refused StartTLS leaves LDAP as it is."""
    refused = ldap(1, der(0x78, der(0x0a, b"\x34"), der(4), der(4, b"no")))
    turns = [("c", START_TLS), ("s", refused), ("c", ldap(2, der(0x60, number(3), der(4, b"cn=a"), der(0x80, b"pw")))),
             ("s", ldap(2, der(0x61, der(0x0a, b"\0"), der(4), der(4))))]
    result = inspect(tcp_session(turns, dport=389))
    assert [e["ldap"]["request"]["operation"] for e in result.events("ldap")] == ["extended_request", "bind_request"]


# ---- RDP ----

def tpkt(body):
    return struct.pack(">BBH", 3, 0, 4 + len(body)) + body


def x224(kind, cookie=b"", negotiation=b""):
    rest = bytes([kind, 0, 0, 0, 0, 0]) + cookie + negotiation
    return tpkt(bytes([len(rest)]) + rest)


def negotiation(kind, flags, value):
    return struct.pack("<BBHI", kind, flags, 8, value)


@pytest.mark.parametrize("segment", [1, 1400])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_rdp_nla(inspect, version, segment):
    """A cookie, the client asks for CredSSP, the server agrees; the rest is TLS."""
    who = tls.chain("rdp.example.com", 3000)
    turns = [("c", x224(0xe0, b"Cookie: mstshash=CORP\\alice\r\n", negotiation(1, 0, 11))),
             ("s", x224(0xd0, negotiation=negotiation(2, 31, 2)))]
    result = inspect(tcp_session(tls.Talk(version, server=who).turns("rdp.example.com", before=turns), dport=3389,
                                 segment=segment))
    records = [e["rdp"] for e in result.events("rdp")]
    assert [r["event_type"] for r in records] == ["initial_request", "initial_response"] + [
        "tls_handshake"] * (version == "1.2")
    assert records[0]["cookie"] == "CORP\\alice"
    assert records[1]["protocol"] == "hybrid"
    if version == "1.2":
        assert records[2]["x509_serials"] == ["1267"] * 3
    assert [e["app_proto"] for e in result.events("flow")] == ["rdp"]


def test_rdp_refused(inspect):
    turns = [("c", x224(0xe0, b"Cookie: msts=3640205228.15629.0000\r\n", negotiation(1, 0, 0))),
             ("s", x224(0xd0, negotiation=negotiation(3, 0, 5)))]
    records = [e["rdp"] for e in inspect(tcp_session(turns, dport=3389)).events("rdp")]
    assert "cookie" not in records[0]
    assert records[1]["error_code"] == 5
