"""QUIC: hellos in many shapes, and what records and rules make of them."""
import pytest
import quic_talk as q
import tls_talk as tls

RULES = """
alert quic any any -> any any (msg:"sni"; quic.sni; content:"a.example"; sid:1;)
alert quic any any -> any any (msg:"failed"; app-layer-event:quic.failed_decrypt; sid:2;)
alert quic any any -> any any (msg:"data"; app-layer-event:quic.error_on_data; sid:3;)
alert quic any any -> any any (msg:"header"; app-layer-event:quic.error_on_header; sid:4;)
alert quic any any -> any any (msg:"long"; app-layer-event:quic.crypto_frag_too_long; sid:5;)
"""
HELLO, BIG = tls.client_hello(), tls.client_hello(shares=(tls.X25519MLKEM768, tls.X25519))
ANSWER = tls.server_hello()


def plain(version):
    c, s = q.pair(version=version)
    return [("c", c.initial(q.crypto(HELLO), 1200)),
            ("s", s.initial(q.ACK + q.crypto(ANSWER)) + s.other(q.HANDSHAKE, 900))]


def several_packets(version=q.V1):
    """A hello larger than a packet, the second part first, its pieces mixed with PING and PADDING."""
    c, s = q.pair(version=version)
    one, two, three, four, five = q.in_pieces(BIG, [400, 3, 600, 200])
    first, second = c.initial(four + q.PING + two + b"\0\0\0" + q.PING, 1200), c.initial(five + one + three, 1200)
    return [("c", second), ("c", first), ("c", second), ("s", s.initial(q.crypto(ANSWER)))]


def many_pieces():
    """Every other byte first, then those between."""
    c, s = q.pair()
    def pieces(first):
        return [q.crypto(BIG[i:i + 1], i) for i in range(first, len(BIG), 2)]
    out = []
    for frames in (pieces(0), pieces(1)):
        out += [("c", c.initial(b"".join(frames[at:at + 200]), 1200)) for at in range(0, len(frames), 200)]
    return out + [("s", s.initial(q.crypto(ANSWER)))]


def coalesced():
    """Early data behind the hello; two Initial packets of the hello in a datagram."""
    c, s = q.pair()
    one, two = q.in_pieces(BIG, [500])
    return [("c", c.initial(one) + c.initial(two) + c.other(q.ZERO_RTT, 300)),
            ("s", s.initial(q.ACK) + s.other(q.HANDSHAKE, 100)),
            ("s", s.initial(q.crypto(ANSWER[:50])) + s.initial(q.crypto(ANSWER[50:], 50)) + s.other(q.HANDSHAKE, 100))]


def retry(version=q.V1):
    """The hello comes again with a token, and keys of the id that the server gave."""
    c, s = q.pair(version=version)
    turns = [("c", c.initial(q.crypto(HELLO), 1200)), ("s", s.retry(b"token"))]
    c, s = q.pair(dcid=b"serverid", version=version)
    return turns + [("c", c.initial(q.crypto(HELLO), 1200, b"token")), ("s", s.initial(q.crypto(ANSWER)))]


def negotiated():
    """Version negotiation (RFC 9000, 6): the client begins again in version 2."""
    c, s = q.pair()
    turns = [("c", c.initial(q.crypto(HELLO), 1200)), ("s", s.negotiation([q.V2, 0x0a0a0a0a]))]
    c, s = q.pair(dcid=b"another1", version=q.V2)
    return turns + [("c", c.initial(q.crypto(HELLO), 1200)), ("s", s.initial(q.crypto(ANSWER)))]


def negotiated_from_unknown():
    """The client's first version is one nobody knows."""
    c, s = q.pair()
    q.SALT.setdefault(0x1a2a3a4a, b"x" * 20)
    q.PREFIX.setdefault(0x1a2a3a4a, b"quic ")
    c.version = 0x1a2a3a4a
    turns = [("c", c.initial(q.crypto(HELLO), 1200)), ("s", s.negotiation([q.V1]))]
    c, s = q.pair(dcid=b"another1")
    return turns + [("c", c.initial(q.crypto(HELLO), 1200)), ("s", s.initial(q.crypto(ANSWER)))]


def compatible():
    """Compatible version negotiation (RFC 9368): the server answers in version 2, with keys of the client's first id."""
    c, s = q.pair()
    s.version = q.V2
    return [("c", c.initial(q.crypto(HELLO), 1200)), ("s", s.initial(q.ACK + q.crypto(ANSWER)))]


SHAPES = {
    "v1": (plain(q.V1), [(q.V1, "c"), (q.V1, "s")]),
    "v2": (plain(q.V2), [(q.V2, "c"), (q.V2, "s")]),
    "several packets": (several_packets(), [(q.V1, "c"), (q.V1, "s")]),
    "several packets v2": (several_packets(q.V2), [(q.V2, "c"), (q.V2, "s")]),
    "many pieces": (many_pieces(), [(q.V1, "c"), (q.V1, "s")]),
    "coalesced": (coalesced(), [(q.V1, "c"), (q.V1, "s")]),
    "retry": (retry(), [(q.V1, "c"), (q.V1, "c"), (q.V1, "s")]),
    "retry v2": (retry(q.V2), [(q.V2, "c"), (q.V2, "c"), (q.V2, "s")]),
    "negotiated": (negotiated(), [(q.V1, "c"), (q.V2, "c"), (q.V2, "s")]),
    "negotiated from unknown": (negotiated_from_unknown(), [(0x1a2a3a4a, "u"), (q.V1, "c"), (q.V1, "s")]),
    "compatible": (compatible(), [(q.V1, "c"), (q.V2, "s")]),
}


def test_encrypted_hello(inspect):
    """ECH (RFC 9849): the record says so; the name is that of the outer hello."""
    c, s = q.pair()
    hello = tls.client_hello(shares=(tls.X25519MLKEM768,), ech=True)
    one, two = q.in_pieces(hello, [900])
    result = inspect(q.datagrams([("c", c.initial(two, 1200)), ("c", c.initial(one, 1200)),
                                  ("s", s.initial(q.crypto(tls.server_hello(tls.X25519MLKEM768))))]), RULES)
    client, server = [e["quic"] for e in result.events("quic")]
    assert (client["sni"], client["ech"], "ech" in server) == ("a.example", True, False)
    assert 0xfe0d in [e["type"] for e in client["extensions"]]


def kind(record):
    return "c" if "ja4" in record else "s" if "extensions" in record else "u"


@pytest.mark.parametrize("shape", SHAPES)
def test_hellos(inspect, shape):
    turns, want = SHAPES[shape]
    result = inspect(q.datagrams(turns), RULES)
    records = [e["quic"] for e in result.events("quic")]
    assert [(int(r["version"]), kind(r)) for r in records] == want
    clients = [r for r in records if kind(r) == "c"]
    assert all(r["sni"] == "a.example" and r["ja4"].startswith("q13d") and r["ja4"][8:10] == "h3" for r in clients)
    assert set(result.sids()) == {1}
    assert [e["app_proto"] for e in result.events("flow")] == ["quic"]
