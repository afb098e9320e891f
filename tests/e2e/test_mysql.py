"""MySQL: logins of every kind, commands, results, what is long, packed, encrypted or lost."""
import random
import struct

import mysql_talk as q
import pytest
import tls_talk as tls
from packets import CLIENT, SERVER, tcp_session

RULES = """
alert mysql any any -> any any (mysql.command; content:"DROP TABLE"; sid:1;)
alert mysql any any -> any any (mysql.user; content:"alice"; sid:2;)
alert mysql any any -> any any (mysql.rows; content:"secret"; sid:3;)
alert mysql any any -> any any (mysql.error_code:1045; sid:4;)
alert mysql any any -> any any (mysql.database; content:"shop"; sid:5;)
alert tls any any -> any any (tls.sni; content:"db.example"; sid:6;)
"""
DROP = q.query(b"DROP TABLE users")
WHOLE = ["--set", "stream.reassembly.depth=0"]


def run(inspect, turns, rules=RULES, options=(), **kw):
    return inspect(tcp_session(turns, dport=q.PORT, **kw), rules, options)


def records(result):
    return [e["mysql"] for e in result.events("mysql")]


def events(result):
    return sorted(a["anomaly"]["event"] for a in result.events("anomaly") if a["anomaly"].get("layer") == "proto_parser")


def operations(result):
    return [r["operation"] for r in records(result)]


@pytest.mark.parametrize("segment", [1, 5, 1400])
def test_login(inspect, segment):
    turns = [("s", q.greeting()), ("c", q.login(attributes=[(b"_pid", b"7"), (b"program_name", b"mysqldump")])),
             ("s", q.packet(2, b"\1\3") + q.ok(3)), ("c", DROP), ("s", q.ok(1, 5))]
    result = run(inspect, turns, segment=segment)
    first, second = records(result)
    assert (first["user"], first["database"], first["version"], first["success"]) == ("alice", "shop", "8.0.36", True)
    assert {"_pid": "7"} in first["attributes"] or {"_pid": "7"}.items() <= first["attributes"].items() or first["attributes"]
    assert (second["operation"], second["affected_rows"]) == ("query", 5)
    assert sorted(set(result.sids())) == [1, 2, 5] and events(result) == []


SWITCHES = {
    "sha2 full": [("s", q.packet(2, b"\1\4")), ("c", q.packet(3, b"\2")), ("s", q.packet(4, b"\1-----BEGIN PUBLIC KEY-----")),
                  ("c", q.packet(5, bytes(256))), ("s", q.ok(6))],
    "switch": [("s", q.packet(2, b"\xfemysql_native_password\0" + b"x" * 20 + b"\0")), ("c", q.packet(3, bytes(20))), ("s", q.ok(4))],
    "old switch": [("s", q.packet(2, b"\xfe")), ("c", q.packet(3, b"12345678\0")), ("s", q.ok(4))],
    "two factors": [("s", q.packet(2, b"\2authentication_fido\0challenge")), ("c", q.packet(3, b"answer")), ("s", q.ok(4))],
    "dialog": [("s", q.packet(2, b"\xfedialog\0\x04Password: ")), ("c", q.packet(3, b"hunter2\0")), ("s", q.packet(4, b"\1\4Code: ")),
               ("c", q.packet(5, b"123456\0")), ("s", q.ok(6))],
}


@pytest.mark.parametrize("how", SWITCHES)
def test_switch(inspect, how):
    turns = [("s", q.greeting()), ("c", q.login())] + SWITCHES[how] + [("c", DROP), ("s", q.ok())]
    result = run(inspect, turns)
    assert records(result)[0]["success"] is True and 1 in result.sids() and events(result) == []


def test_refused(inspect):
    result = run(inspect, [("s", q.greeting()), ("c", q.login()), ("s", q.error(2))])
    assert records(result)[0]["success"] is False and records(result)[0]["error_state"] == "28000" and 4 in result.sids()
    blocked = run(inspect, [("s", q.packet(0, b"\xff" + struct.pack("<H", 1130) + b"Host is not allowed"))])
    assert records(blocked)[0]["error_code"] == 1130


@pytest.mark.parametrize("old", [0, q.DATABASE])
def test_before_41(inspect, old):
    """A client of version 3.23; a server with the protocol of 3.21 says little."""
    can = old | 1
    hello = struct.pack("<H", can) + b"\0\0\0" + b"alice\0" + b"12345678" + (b"\0shop" if old else b"\0")
    turns = [("s", q.greeting(b"3.23.58", can=can, plugin=b"")), ("c", q.packet(1, hello)), ("s", q.packet(2, b"\0\0\0\2\0")),
             ("c", DROP), ("s", q.packet(1, b"\0\0\0\2\0"))]
    result = run(inspect, turns)
    assert records(result)[0]["user"] == "alice" and {1, 2} <= set(result.sids())


@pytest.mark.parametrize("segment", [1, 1400])
def test_tls(inspect, segment):
    """What follows the request for TLS is TLS."""
    hello = tls.records(tls.client_hello("db.example"))
    turns = [("s", q.greeting(can=q.CAN | q.TLS)), ("c", q.tls_request()), ("c", hello)]
    result = run(inspect, turns, segment=segment)
    assert records(result)[0]["tls"] is True and 6 in result.sids()


def test_commands(inspect):
    """One of each, in a pipeline and one after the other."""
    simple = [2, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 20, 21, 26, 27, 29, 31]
    turns = q.opening()
    for code in simple:
        turns += [("c", q.command(code, b"x")), ("s", q.ok())]
    turns += [("c", q.command(9)), ("s", q.packet(1, b"Uptime: 5  Threads: 2"))]
    turns += [("c", q.command(4, b"t\0%")), ("s", q.column(1) + q.column(2) + q.eof(3))]
    turns += [("c", q.command(10)), ("s", q.result(3, [(b"1", b"root", None)]))]
    turns += [("c", q.command(17, b"bob\0" + b"\x14" + bytes(20) + b"other\0" + b"\x21\0mysql_native_password\0")), ("s", q.ok())]
    turns += [("c", DROP), ("s", q.ok()), ("c", q.command(1))]
    result = run(inspect, turns)
    assert len(records(result)) == len(simple) + 7 and events(result) == [] and 1 in result.sids()
    assert records(result)[-3]["user"] == "bob" and records(result)[-3]["success"] is True


@pytest.mark.parametrize("can", [q.CAN, q.CAN | q.NO_EOF])
@pytest.mark.parametrize("segment", [1, 1400])
def test_results(inspect, can, segment):
    """Several results; rows with NULL, long values, values that begin like an end or an error."""
    no_eof = bool(can & q.NO_EOF)
    rows = [(b"1", None), (b"\xff" * 260, b"secret"), (b"\xfe\0\0\2\0", b""), (None, None)]
    turns = q.opening(can=can) + [
        ("c", q.query(b"CALL p()")),
        ("s", q.result(2, rows, 1, q.MORE | 2, no_eof) + q.ok(12, 3, q.MORE | 2) + q.result(1, [], 13, 2, no_eof)),
        ("c", DROP), ("s", q.error(1, 1142, b"42000", b"denied")),
        ("c", q.query(b"SELECT 1; SELECT 2")), ("s", q.result(1, [(b"1",)], 1, q.MORE, no_eof) + q.error(7, 1064, b"42000", b"bad"))]
    result = run(inspect, turns, segment=segment)
    assert [r.get("row_count") for r in records(result)[1:]] == [4, None, 1]
    assert [r.get("error_code") for r in records(result)[1:]] == [None, 1142, 1064]
    assert {1, 3} <= set(result.sids()) and events(result) == []


@pytest.mark.parametrize("no_eof", [False, True])
def test_prepared(inspect, no_eof):
    """Prepare, long data, execute with a cursor, fetch, reset, close; the text of the statement at each execute."""
    can = q.CAN | (q.NO_EOF if no_eof else 0)
    text = b"DROP TABLE ?"
    binary = [q.packet(n, b"\0\0" + q.string(b"v%d" % n)) for n in range(4, 7)]
    turns = q.opening(can=can) + [("c", q.command(22, text)), ("s", q.prepared(7, 1, 2, no_eof)),
                                  ("c", q.command(24, struct.pack("<IH", 7, 0) + b"long") + q.command(23, struct.pack("<IBI", 7, 0, 1)))]
    answer = q.packet(1, b"\1") + q.column(2)
    turns += [("s", answer + (b"" if no_eof else q.eof(3)) + b"".join(binary) + (q.ok(7, head=b"\xfe") if no_eof else q.eof(7)))]
    turns += [("c", q.command(23, struct.pack("<IBI", 7, 1, 1))), ("s", answer + q.eof(3, 0x42))] if not no_eof else []
    turns += [("c", q.command(28, struct.pack("<II", 7, 2))), ("s", b"".join(binary[:2]) + q.eof(9, 0x42))] if not no_eof else []
    turns += [("c", q.command(26, struct.pack("<I", 7))), ("s", q.ok()), ("c", q.command(25, struct.pack("<I", 7))), ("c", DROP),
              ("s", q.ok())]
    result = run(inspect, turns)
    executed = [r for r in records(result) if r["operation"] == "stmt_execute"]
    assert [r["command"] for r in executed] == [text.decode()] * len(executed) and executed[0]["row_count"] == 3
    assert operations(result)[-1] == "query" and events(result) == [] and records(result)[-1]["affected_rows"] == 0


def test_local_file(inspect):
    """The server asks the client for a file: its bytes, empty packets, the verdict."""
    turns = q.opening() + [("c", q.query(b"LOAD DATA LOCAL INFILE 'a' INTO TABLE t")), ("s", q.packet(1, b"\xfb/etc/passwd")),
                           ("c", q.packet(2, b"root:x:0:0\n" * 500) + q.packet(3, b"\3DROP TABLE no") + q.packet(4, b"")),
                           ("s", q.ok(5, 500)), ("c", DROP), ("s", q.ok())]
    result = run(inspect, turns)
    one = records(result)[1]
    assert (one["local_file"], one["local_file_bytes"], one["affected_rows"]) == ("/etc/passwd", 5514, 500)
    assert result.sids().count(1) == 1 and events(result) == []


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("size", [10, 1000, q.FULL])
def test_compressed(inspect, compress, size):
    """The compressed protocol: packets cut anywhere."""
    can = q.CAN | q.COMPRESS
    turns = q.opening(can=can)
    rows = [(b"%d" % n, b"secret" * 20) for n in range(300)]
    turns += [("c", q.packed(q.query(b"SELECT * FROM t"), 0, False)), ("s", q.packed(q.result(2, rows), 0, compress, size)),
              ("c", q.packed(DROP, 0, compress, size)), ("s", q.packed(q.ok(), 0, False))]
    result = run(inspect, turns, segment=100)
    assert records(result)[1]["row_count"] == 300 and {1, 3} <= set(result.sids()) and events(result) == []


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_16_megabytes(inspect, extra):
    """A query of 16 MB and a row of it, one byte less, more: what is behind is in step."""
    text = b"INSERT INTO t VALUES ('DROP TABLE" + b"x" * (q.FULL + extra - 34)
    row = b"secret" + b"y" * (q.FULL + extra - 10)
    turns = q.opening() + [("c", q.query(text)), ("s", q.ok(1, 1)), ("c", q.query(b"SELECT x")),
                           ("s", q.result(1, [(row,), (b"b",)])), ("c", DROP), ("s", q.ok())]
    result = run(inspect, turns, segment=60000, options=WHOLE)
    assert [r.get("row_count") for r in records(result)[1:]] == [None, 2, None]
    assert result.sids().count(1) == 2 and events(result) == [] and operations(result) == ["login"] + ["query"] * 3


def test_pipelined(inspect):
    """Commands sent before the answers come."""
    texts = [b"SELECT %d" % n for n in range(200)]
    turns = q.opening() + [("c", b"".join(q.query(t) for t in texts) + DROP),
                           ("s", b"".join(q.result(1, [(b"%d" % n,)] * (n % 3)) for n in range(200)) + q.error(1))]
    result = run(inspect, turns)
    assert [r["row_count"] for r in records(result)[1:-1]] == [n % 3 for n in range(200)]
    assert records(result)[-1]["error_code"] == 1045 and events(result) == []


def test_query_attributes(inspect):
    can = q.CAN | q.QUERY_ATTRIBUTES
    values = b"\2\1" + b"\0" + b"\1" + b"\xfe\0" + q.string(b"trace") + b"\x03\0" + q.string(b"n") + q.string(b"abc") + struct.pack("<I", 5)
    turns = q.opening(can=can) + [("c", q.command(3, b"\0\1DROP TABLE a")), ("s", q.ok()), ("c", q.command(3, values + b"DROP TABLE b")),
                                  ("s", q.ok())]
    assert [r["command"] for r in records(run(inspect, turns))[1:]] == ["DROP TABLE a", "DROP TABLE b"]


def test_midstream(inspect):
    """Met in the middle: from the next command on."""
    turns = [("s", q.result(1, [(b"1",)])), ("c", q.query(b"SELECT 1")), ("s", q.result(1, [(b"1",)])), ("c", DROP), ("s", q.ok())]
    packets = tcp_session(q.opening() + turns, dport=q.PORT)
    result = inspect(packets[9:], RULES, ["--set", "stream.midstream=yes"])
    assert result.status == 0


def test_one_side(inspect):
    """Only the client is seen, only the server is."""
    turns = q.opening() + [("c", q.query(b"SELECT %d" % n)) if n % 2 else ("s", q.result(1, [(b"secret",)])) for n in range(1, 401)]
    turns += [("c", DROP), ("s", q.ok())]
    packets = tcp_session(turns, dport=q.PORT)
    options = ["--set", "stream.midstream=yes", "--set", "stream.async_oneside=yes"]
    for side, want in ((CLIENT, 1), (SERVER, None)):
        result = inspect([p for p in packets if p["IP"].src == side], RULES, options)
        assert want is None or want in result.sids()


def test_loss(inspect):
    """A segment of a result is lost, then one of a command."""
    turns = q.opening()
    for n in range(30):
        turns += [("c", q.query(b"SELECT %d" % n)), ("s", q.result(2, [(b"r", b"x" * 100)] * 30))]
    turns += [("c", DROP), ("s", q.ok())]
    packets = tcp_session(turns, dport=q.PORT, segment=500)
    data = [i for i, p in enumerate(packets) if len(p["TCP"].payload)]
    for lost in (set(data[20:200:31]), set(data[21:22])):
        result = inspect([p for i, p in enumerate(packets) if i not in lost], RULES, [])
        assert 1 in result.sids() and events(result) == []


def test_garbage(inspect):
    rng = random.Random(11)
    for _ in range(8):
        turns = q.opening()
        for _ in range(30):
            noise = rng.randbytes(rng.choice((0, 1, 4, 5, 60, 1300)))
            turns.append((rng.choice("cs"), rng.choice((noise, q.packet(rng.randrange(3), noise), q.command(rng.randrange(32), noise),
                                                        q.packet(1, bytes([rng.randrange(256)]) + noise)))))
        assert run(inspect, turns).status == 0


def test_many(inspect):
    """Thousands of commands in a connection."""
    turns = q.opening()
    for n in range(1500):
        turns += [("c", q.query(b"SELECT %d" % n)), ("s", q.result(1, [(b"1",)]))]
    result = run(inspect, turns, options=WHOLE)
    assert len(records(result)) == 1501 and events(result) == []
