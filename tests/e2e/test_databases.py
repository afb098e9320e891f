"""Rules and records of data bases and chats: MySQL, Redis, IRC, NFS in fragments."""
import struct

from packets import tcp_session

CAN = 0x00aa8a0d  # protocol 4.1, a database, TLS, secure, plugins


def packet(number, body):
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def mysql(*turns):
    greeting = packet(0, b"\x0a8.0.36\0" + bytes(4) + b"abcdefgh\0" + struct.pack("<HBHH", CAN & 0xffff, 255, 2, CAN >> 16) +
                      b"\x15" + bytes(10) + b"ijklmnopqrst\0mysql_native_password\0")
    login = packet(1, struct.pack("<IIB23x", CAN, 1 << 24, 255) + b"root\0\0shop\0mysql_native_password\0")
    return tcp_session([("s", greeting), ("c", login), ("s", packet(2, bytes(3) + b"\2\0\0\0"))] + list(turns), dport=3306)


def test_mysql(inspect):
    rows = [b"\2", b"\3def", b"\3def", b"\xfe\0\0\2\0", b"\1a\xfb", b"\3bob\6secret", b"\xfe\0\0\2\0"]
    run = inspect(mysql(("c", packet(0, b"\3select * from users")), ("s", b"".join(packet(1 + i, r) for i, r in enumerate(rows))),
                        ("c", packet(0, b"\3drop")), ("s", packet(1, b"\xff\x28\x04#42000no"))), """
alert mysql any any -> any any (mysql.command; content:"FROM users"; nocase; sid:1;)
alert mysql any any -> any any (mysql.rows; content:"bob,secret"; startswith; sid:2;)
alert mysql any any -> any any (mysql.user; content:"root"; bsize:4; mysql.database; content:"shop"; sid:3;)
alert mysql any any -> any any (mysql.error_code:1064; sid:4;)
alert mysql any any -> any any (mysql.error_code:<1064; sid:5;)
alert mysql any any -> any any (mysql.rows; content:"a,NULL"; bsize:6; sid:6;)""")
    assert sorted(run.sids()) == [1, 2, 3, 4, 6]
    assert [e["mysql"].get("row_count") for e in run.events("mysql")] == [None, 2, None]
    alert, = [e for e in run.events("alert") if e["alert"]["signature_id"] == 2]
    assert alert["mysql"]["rows"] == ["a,NULL", "bob,secret"]
    assert {e["app_proto"] for e in run.events("flow")} == {"mysql"}


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def test_redis(inspect):
    """A command in pieces of a stream is one command to a rule, whatever stands between its words."""
    session = [("c", resp(b"CONFIG", b"SET", b"dir", b"/root/.ssh")), ("s", b"+OK\r\n"), ("c", b"config  set dir '/root/.ssh'\r\n"),
               ("s", b"-NOPERM no\r\n"), ("c", resp(b"GET", b"k")), ("s", b"$4\r\nflag\r\n")]
    run = inspect(tcp_session(session, dport=7777), """
alert redis any any -> any any (redis.command; content:"config set dir /root/"; nocase; startswith; sid:1;)
alert redis any any -> any any (redis.error; content:"NOPERM"; startswith; sid:2;)
alert redis any any -> any any (redis.value; content:"flag"; bsize:4; sid:3;)""")
    assert sorted(run.sids()) == [1, 1, 2, 3]
    assert [e["redis"]["response"]["type"] for e in run.events("redis")] == ["simple_string", "error", "string"]


def test_irc(inspect):
    session = [("c", b"NICK bot\r\nUSER bot 0 * :b\r\n"), ("s", b":h 001 bot :hi\r\n"), ("c", b"JOIN #cmd\r\n"),
               ("s", b":boss!b@h PRIVMSG #cmd :.ddos 192.0.2.1\r\n"),
               ("c", b"PRIVMSG boss :\1DCC SEND loot.zip 3221225985 5000 77\1\r\n")]
    run = inspect(tcp_session(session, dport=6697), """
alert irc any any -> any any (flow:to_client; irc.command; content:"PRIVMSG"; irc.message; content:".ddos"; startswith; sid:1;)
alert irc any any -> any any (irc.dcc.file; content:".zip"; endswith; sid:2;)
alert irc any any -> any any (flow:to_server; irc.command; content:"JOIN"; irc.params; content:"#cmd"; irc.nick; content:"bot"; sid:3;)
alert irc any any -> any any (flow:to_server; irc.message; content:".ddos"; sid:4;)""")
    assert sorted(run.sids()) == [1, 2, 3]
    dcc, = [e["irc"]["dcc"] for e in run.events("irc") if "dcc" in e["irc"]]
    assert dcc == {"type": "SEND", "file": "loot.zip", "ip": "192.0.2.1", "port": 5000, "size": 77}


def test_a_call_in_fragments(inspect):
    """NFS: whoever cuts a call into small fragments is seen all the same."""
    call = struct.pack(">10I", 1, 0, 2, 100003, 3, 3, 0, 0, 0, 0) + struct.pack(">I", 4) + b"root" + struct.pack(">I", 4) + b"evil"
    parts = [call[at:at + 3] for at in range(0, len(call), 3)]
    cut = b"".join(struct.pack(">I", len(p) | (p is parts[-1]) << 31) + p for p in parts)
    run = inspect(tcp_session([("c", cut), ("s", struct.pack(">8I", 1 << 31 | 28, 1, 1, 0, 0, 0, 0, 2))], dport=2049), """
alert nfs any any -> any any (nfs_procedure:3; sid:1;)""")
    assert run.sids() == [1]
    assert run.events("nfs")[0]["nfs"]["filename"] == "evil"


def test_dropped_in_the_wire(inspect):
    """The command does not arrive, however it is cut; what was said before it did."""
    session = [("c", resp(b"PING")), ("s", b"+PONG\r\n"), ("c", resp(b"CONFIG", b"SET", b"dir", b"/root/.ssh")), ("s", b"+OK\r\n")]
    for segment in (1, 7, 1400):
        run = inspect(tcp_session(session, dport=6379, segment=segment),
                      'drop redis any any -> any any (redis.command; content:"CONFIG SET dir"; sid:1;)', ["--set", "mode=inline"])
        assert run.sids() == [1]
        assert [e["redis"]["request"]["command"] for e in run.events("redis")][0] == "PING"
        assert run.events("alert")[0]["alert"]["action"] == "blocked"
    run = inspect(mysql(("c", packet(0, b"\3drop table t")), ("s", packet(1, bytes(3) + b"\2\0\0\0"))),
                  'drop mysql any any -> any any (mysql.command; content:"drop table"; nocase; sid:1;)', ["--set", "mode=inline"])
    assert run.sids() == [1]
    assert "affected_rows" not in run.events("mysql")[-1]["mysql"]
