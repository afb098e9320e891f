"""Messages of syslog over UDP and TCP: who says what, at what severity; whatever is lost on the way."""
from packets import CLIENT, SERVER, Clock, ends, tcp_session
from scapy.all import IP, TCP, UDP, Raw

IETF = (b'<165>1 2003-10-11T22:14:15.003Z fw.example sudo 71 ID47 [ex@32473 user="root" why="\\"x\\""] root logged in')
BSD = b"<38>Oct 11 22:14:15 gate sshd[230]: Accepted password for root from 203.0.113.9"
RULES = """
alert syslog any any -> any any (syslog.appname; content:"sshd"; bsize:4; syslog.message; content:"Accepted password for root"; startswith; sid:1;)
alert syslog any any -> any any (syslog.facility:local4; syslog.severity:<6; syslog.hostname; content:"fw.example"; sid:2;)
alert syslog any any -> any any (syslog.severity:err; sid:3;)
alert syslog any any -> any any (syslog.structured_data; content:"user=|22|root|22|"; syslog.msgid; content:"ID47"; sid:4;)
alert syslog any any -> any any (app-layer-event:syslog.missing_priority; sid:5;)"""


def datagrams(*messages, dport=514):
    clock = Clock()
    return [clock.stamp(ends(CLIENT, SERVER) / UDP(sport=40514, dport=dport) / Raw(m)) for m in messages]


def test_datagrams(inspect):
    """One side is all there is. What has no priority is told of; on another port a date is what tells it."""
    run = inspect(datagrams(IETF, BSD, b"no priority"), RULES)
    assert sorted(run.sids()) == [1, 2, 4, 5]
    ietf, bsd, _ = [e["syslog"] for e in run.events("syslog")]
    assert (ietf["facility"], ietf["severity"], ietf["hostname"], ietf["message"]) == ("local4", "notice", "fw.example", "root logged in")
    assert ietf["structured_data"] == [{"id": "ex@32473", "params": [{"name": "user", "value": "root"}, {"name": "why", "value": '"x"'}]}]
    assert (bsd["format"], bsd["timestamp"], bsd["procid"]) == ("rfc3164", "Oct 11 22:14:15", "230")
    alert, = [e for e in run.events("alert") if e["alert"]["signature_id"] == 1]
    assert alert["syslog"]["hostname"] == "gate" and alert["app_proto"] == "syslog"
    assert len(inspect(datagrams(BSD, dport=5514)).events("syslog")) == 1
    assert not inspect(datagrams(b"<38>su: hi", dport=5514)).events("syslog")


def test_streams(inspect):
    """Lines and lengths, in any segments and any order of them."""
    lines = BSD + b"\n" + IETF + b"\n" + BSD + b"\n"
    counted = b"".join(b"%d %s" % (len(m), m) for m in (BSD, IETF, BSD))
    for stream in (lines, counted):
        for segment in (1, 11, 1400):
            packets = tcp_session([("c", stream)], dport=601, segment=segment)
            run = inspect(packets, RULES)
            assert [e["syslog"]["format"] for e in run.events("syslog")] == ["rfc3164", "rfc5424", "rfc3164"]
            assert sorted(run.sids()) == [1, 1, 2, 4]
            assert not [e for e in run.events("anomaly")]
        packets = tcp_session([("c", stream)], dport=601, segment=11)
        data, clock = [p for p in packets if Raw in p], Clock()
        mixed = packets[:3] + [p for i in range(0, len(data), 4) for p in reversed(data[i:i + 4])] + packets[-3:]
        assert len(inspect([clock.stamp(p) for p in mixed]).events("syslog")) == 3


def test_lost_segments(inspect):
    """A hole costs the message that it is in; those before and behind it are whole. Nothing of the server is seen."""
    texts = [b"<13>Oct 11 22:14:15 gate app[%d]: message number %d" % (i, i) for i in range(20)]
    for stream in (b"".join(b"%d %s" % (len(t), t) for t in texts), b"\n".join(texts) + b"\n"):
        packets = [p for p in tcp_session([("c", stream)], dport=514, segment=100) if p[IP].src == CLIENT]
        data = [i for i, p in enumerate(packets) if Raw in p]
        del packets[data[4]]
        run = inspect(packets, options=["--set", "stream.async_oneside=yes"])
        said = [e["syslog"]["message"] for e in run.events("syslog") if "truncated" not in e["syslog"]]
        assert set(said) <= {t.split(b": ")[1].decode() for t in texts}
        assert said[:7] == [f"message number {i}" for i in range(7)] and said[-8:] == [f"message number {i}" for i in range(12, 20)]
        assert not [p for p in packets if p[TCP].flags == "SA"]


def test_garbage_and_floods(inspect):
    """Bytes that are no messages, and many that are."""
    garbage = BSD + b"\n" + bytes(range(256)) * 60 + b"\n" + BSD + b"\n"
    run = inspect(tcp_session([("c", garbage)], dport=514))
    assert [e["syslog"]["hostname"] for e in run.events("syslog") if e["syslog"].get("appname") == "sshd"] == ["gate"] * 2
    run = inspect(tcp_session([("c", b"".join(b"<13>flood %d\n" % i for i in range(20000)))], dport=514), "alert syslog any any -> any any "
                  '(syslog.message; content:"flood 19999"; sid:1;)')
    assert len(run.events("syslog")) == 20000 and run.sids() == [1]
    long = inspect(datagrams(b"<13>" + b"x" * 1200, BSD) + tcp_session([("c", b"<13>" + b"y" * 30000 + b"\n" + BSD + b"\n")], dport=514))
    assert [e["syslog"].get("truncated") for e in long.events("syslog")] == [None, None, True, None]
