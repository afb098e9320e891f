"""SMB in many shapes: files whole and exact, pipes, what is encrypted or compressed."""
import hashlib
import os
import sys

import pytest
import smb_talk as s
from packets import tcp_session
from tls_talk import filler

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import xca  # noqa: E402

ONE, TWO = bytes(range(16)), bytes(range(16, 32))
NAME = "Büro\\中文 📄 report.docx"
SMALL, LARGE = filler(5000, b"small"), filler(300000, b"large")
HASHES = ["--set", "file_hashes=[md5, sha256]"]
RULES = "".join(f"alert smb any any -> any any ({body} sid:{sid};)\n" for sid, body in {
    1: 'app-layer-event:smb.malformed_data;',
    2: 'file.data; content:"MAGIC";',
    3: 'smb.ntlmssp_user; content:"alice";',
    4: 'smb.named_pipe; content:"IPC$";',
}.items())


def run(inspect, turns, options=(), **kw):
    return inspect(tcp_session(turns, dport=445, **kw), RULES, [*HASHES, *options])


def files(result):
    """What the records say of files: name, size, state, digests."""
    return sorted((f["filename"], f["size"], f["state"], f.get("md5"), f.get("sha256"))
                  for f in (e["fileinfo"] for e in result.events("fileinfo")))


def whole(name, data):
    """What they must say of a file that was sent so."""
    return name, len(data), "CLOSED", hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest()


def opened(number, fid, name, size=0):
    return [("c", s.record(s.smb2(s.CREATE, number, s.create(name)))),
            ("s", s.record(s.answer(s.CREATE, number, s.create_answer(fid, size))))]


def closed(number, fid):
    return [("c", s.record(s.smb2(s.CLOSE, number, s.close(fid)))),
            ("s", s.record(s.answer(s.CLOSE, number, s.CLOSED)))]


def test_compound_read(inspect):
    """CREATE, READ and CLOSE in one related compound."""
    ask = s.record(s.smb2(s.CREATE, 4, s.create(NAME)),
                   s.smb2(s.READ, 5, s.read(s.LAST, 65536), flags=s.RELATED),
                   s.smb2(s.CLOSE, 6, s.close(s.LAST), flags=s.RELATED))
    tell = s.record(s.answer(s.CREATE, 4, s.create_answer(ONE, len(SMALL))),
                    s.answer(s.READ, 5, s.read_answer(SMALL), flags=s.RELATED),
                    s.answer(s.CLOSE, 6, s.CLOSED, flags=s.RELATED))
    result = run(inspect, s.opening() + [("c", ask), ("s", tell)])
    assert files(result) == [whole(NAME, SMALL)]


def compound_write(interim=False, fails=False):
    ask = s.record(s.smb2(s.CREATE, 4, s.create(NAME)),
                   s.smb2(s.WRITE, 5, s.write(s.LAST, SMALL), flags=s.RELATED),
                   s.smb2(s.CLOSE, 6, s.close(s.LAST), flags=s.RELATED))
    done = [s.answer(s.CREATE, 4, s.create_answer(ONE)), s.answer(s.WRITE, 5, s.written(5000), flags=s.RELATED),
            s.answer(s.CLOSE, 6, s.CLOSED, flags=s.RELATED)]
    if interim:
        return [("c", ask), ("s", s.record(s.answer(s.CREATE, 4, s.ERROR, s.PENDING, s.ASYNC, asynchronous=9))),
                ("s", s.record(done[0])), ("s", s.record(*done[1:]))]
    return [("c", ask), ("s", s.record(*done))]


@pytest.mark.parametrize("interim", [False, True])
def test_compound_write(inspect, interim):
    result = run(inspect, s.opening() + compound_write(interim))
    assert files(result) == [whole(NAME, SMALL)]
    assert [e["smb"]["share"] for e in result.events("smb") if e["smb"].get("share") and "filename" in e["smb"]] == [
        "\\\\server\\data"]


def test_compound_write_goes_on(inspect):
    """A file that a compound has begun, and that further writes end."""
    ask = s.record(s.smb2(s.CREATE, 4, s.create(NAME)),
                   s.smb2(s.WRITE, 5, s.write(s.LAST, SMALL[:2000]), flags=s.RELATED))
    tell = s.record(s.answer(s.CREATE, 4, s.create_answer(ONE)), s.answer(s.WRITE, 5, s.written(2000), flags=s.RELATED))
    more = [("c", s.record(s.smb2(s.WRITE, 6, s.write(ONE, SMALL[2000:], 2000)))),
            ("s", s.record(s.answer(s.WRITE, 6, s.written(3000))))]
    result = run(inspect, s.opening() + [("c", ask), ("s", tell)] + more + closed(7, ONE))
    assert files(result) == [whole(NAME, SMALL)]


def test_compound_of_an_open_file(inspect):
    """A related message behind one that names its file; the file is closed before its read is answered."""
    ask = s.record(s.smb2(s.READ, 5, s.read(ONE, 65536)), s.smb2(s.CLOSE, 6, s.close(s.LAST), flags=s.RELATED))
    tell = s.record(s.answer(s.READ, 5, s.read_answer(SMALL)), s.answer(s.CLOSE, 6, s.CLOSED, flags=s.RELATED))
    result = run(inspect, s.opening() + opened(4, ONE, NAME) + [("c", ask), ("s", tell)])
    assert files(result) == [whole(NAME, SMALL)]


def test_unrelated_compound(inspect):
    """Reads of two files in a record; answers in another order, each alone; both closed before that."""
    turns = s.opening() + opened(4, ONE, "one") + opened(5, TWO, "two") + [
        ("c", s.record(s.smb2(s.READ, 6, s.read(ONE, 65536)), s.smb2(s.READ, 7, s.read(TWO, 65536)),
                       s.smb2(s.CLOSE, 8, s.close(ONE)), s.smb2(s.CLOSE, 9, s.close(TWO)))),
        ("s", s.record(s.answer(s.READ, 7, s.read_answer(LARGE[:70])))),
        ("s", s.record(s.answer(s.READ, 6, s.read_answer(SMALL)))),
        ("s", s.record(s.answer(s.CLOSE, 8, s.CLOSED), s.answer(s.CLOSE, 9, s.CLOSED)))]
    assert files(run(inspect, turns)) == [whole("one", SMALL), whole("two", LARGE[:70])]


@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize("segment", [1400, 8000])
def test_large_reads(inspect, pending, segment):
    """Large reads of two files, interleaved, answered out of order, first as pending."""
    two = LARGE[::-1]
    parts = [(n, fid, data, at) for n, (fid, data, at) in enumerate(
        [(f, d, at) for at in range(0, 300000, 100000) for f, d in ((ONE, LARGE), (TWO, two))], 6)]
    turns = s.opening() + opened(4, ONE, "one", 300000) + opened(5, TWO, "two", 300000)
    turns += [("c", s.record(s.smb2(s.READ, n, s.read(fid, 100000, at), charge=2))) for n, fid, _, at in parts]
    if pending:
        turns += [("s", s.record(s.answer(s.READ, n, s.ERROR, s.PENDING, s.ASYNC, asynchronous=n)))
                  for n, *_ in parts]
    for i in (3, 1, 5, 0, 4, 2):
        n, _, data, at = parts[i]
        flags = s.ASYNC if pending else 0
        turns.append(("s", s.record(s.answer(s.READ, n, s.read_answer(data[at:at + 100000]), flags=flags,
                                             asynchronous=n))))
    turns += closed(20, ONE) + closed(21, TWO)
    result = run(inspect, turns, segment=segment)
    assert files(result) == [whole("one", LARGE), whole("two", two)]
    assert all(e["fileinfo"]["gaps"] is False for e in result.events("fileinfo"))


def test_reads_far_ahead(inspect):
    """Four reads of a megabyte, the first one answered last: still one file without holes."""
    data = filler(1000) * 4194
    turns = s.opening() + opened(4, ONE, "one", len(data))
    step = 1 << 20
    offsets = list(range(0, len(data), step))
    turns += [("c", s.record(s.smb2(s.READ, 5 + i, s.read(ONE, step, at), charge=16))) for i, at in enumerate(offsets)]
    for i in (1, 2, 3, 0):
        turns.append(("s", s.record(s.answer(s.READ, 5 + i, s.read_answer(data[offsets[i]:offsets[i] + step])))))
    result = run(inspect, turns + closed(20, ONE), segment=32000, options=["--set", "stream.reassembly.depth=0"])
    assert files(result) == [whole("one", data)]
    assert not result.events("fileinfo")[0]["fileinfo"]["gaps"]


def test_large_writes(inspect):
    """Writes of two files at offsets out of order, the data in small segments."""
    two = LARGE[::-1]
    turns = s.opening() + opened(4, ONE, "one") + opened(5, TWO, "two")
    for n, (fid, data, at) in enumerate([(ONE, LARGE, 200000), (TWO, two, 0), (ONE, LARGE, 0), (TWO, two, 200000),
                                         (TWO, two, 100000), (ONE, LARGE, 100000)], 6):
        turns.append(("c", s.record(s.smb2(s.WRITE, n, s.write(fid, data[at:at + 100000], at), charge=2))))
        turns.append(("s", s.record(s.answer(s.WRITE, n, s.ERROR, s.PENDING, s.ASYNC, asynchronous=n))))
        turns.append(("s", s.record(s.answer(s.WRITE, n, s.written(100000), flags=s.ASYNC, asynchronous=n))))
    result = run(inspect, turns + closed(20, ONE) + closed(21, TWO))
    assert files(result) == [whole("one", LARGE), whole("two", two)]


RPC = s.Rpc()
STUB = filler(9000, b"stub")
PIPE_RULES = f"""
alert smb any any -> any any (dcerpc.iface:{s.SVCCTL}; dcerpc.opnum:15; sid:11;)
alert smb any any -> any any (dcerpc.iface:{s.SAMR}; dcerpc.opnum:7; sid:12;)
alert smb any any -> any any (flow:to_server; dcerpc.opnum:15; dcerpc.stub_data; bsize:9000; sid:13;)
alert smb any any -> any any (flow:to_client; dcerpc.stub_data; content:"{STUB[-4:].hex(' ')}"; sid:14;)
""".replace('content:"', 'content:"|').replace('"; sid:14', '|"; sid:14')


@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize("way", ["write and read", "transceive"])
def test_pipe(inspect, way, little):
    """A bind of two contexts, one refused; an alter_context; calls in fragments."""
    rpc = s.Rpc(little)
    number = iter(range(5, 100))

    def talk(asked, told):
        turns = []
        for i, part in enumerate(asked):
            n = next(number)
            if way == "transceive" and i + 1 == len(asked):
                turns += [("c", s.record(s.smb2(s.IOCTL, n, s.transceive(ONE, part)))),
                          ("s", s.record(s.answer(s.IOCTL, n, s.ERROR, s.PENDING, s.ASYNC, asynchronous=n))),
                          ("s", s.record(s.answer(s.IOCTL, n, s.transceived(ONE, told[0]), flags=s.ASYNC,
                                                  asynchronous=n)))]
                told = told[1:]
            else:
                turns += [("c", s.record(s.smb2(s.WRITE, n, s.write(ONE, part)))),
                          ("s", s.record(s.answer(s.WRITE, n, s.written(len(part)))))]
        for part in told:
            n = next(number)
            turns += [("c", s.record(s.smb2(s.READ, n, s.read(ONE, 4280)))),
                      ("s", s.record(s.answer(s.READ, n, s.read_answer(part))))]
        return turns

    turns = s.opening("\\\\server\\IPC$", 2) + opened(4, ONE, "svcctl")
    turns += talk([rpc.bind(1, (0, s.SVCCTL, 2), (1, s.NDR, 1))], [rpc.ack(1, 0, 2)])
    turns += talk([rpc.bind(2, (2, s.SAMR, 1), kind=s.ALTER)], [rpc.ack(2, 0, kind=s.ALTER_ACK)])
    turns += talk(rpc.request(3, 15, STUB, 4000), rpc.reply(3, STUB, 4000))
    turns += talk(rpc.request(4, 7, b"x" * 100, context=2), rpc.reply(4, b"y" * 100, context=2))
    result = inspect(tcp_session(turns + closed(99, ONE), dport=445), RULES + PIPE_RULES)
    calls = [e["smb"]["dcerpc"] for e in result.events("smb") if "dcerpc" in e["smb"]]
    assert [(c["request"], c["response"]) for c in calls] == [
        ("BIND", "BINDACK"), ("ALTER_CONTEXT", "ALTER_CONTEXT_RESP"), ("REQUEST", "RESPONSE"), ("REQUEST", "RESPONSE")]
    assert [(i["uuid"], i["ack_result"]) for i in calls[0]["interfaces"]] == [(s.SVCCTL, 0), (s.NDR, 2)]
    assert [(c["opnum"], c["req"]["frag_cnt"], c["req"]["stub_data_size"], c["res"]["frag_cnt"],
             c["res"]["stub_data_size"], c["interfaces"][0]["uuid"]) for c in calls[2:]] == [
                 (15, 3, 9000, 3, 9000, s.SVCCTL), (7, 1, 100, 1, 100, s.SAMR)]
    assert set(result.sids()) == {3, 4, 11, 12, 13, 14}


@pytest.mark.parametrize("segment", [100, 1400])
@pytest.mark.parametrize("size", [200, 300000])
def test_encrypted(inspect, size, segment):
    """Behind the transform header nothing is read; the flow says why. Messages in clear around it are."""
    turns = s.opening() + [("c", s.record(s.transformed(size))), ("s", s.record(s.transformed(size)))]
    turns += opened(4, ONE, NAME) + [("c", s.record(s.smb2(s.WRITE, 5, s.write(ONE, SMALL)))),
                                     ("s", s.record(s.answer(s.WRITE, 5, s.written(5000))))] + closed(6, ONE)
    result = run(inspect, turns, segment=segment)
    assert [(e["app_proto"], e.get("app_encrypted"), e.get("app_compressed")) for e in result.events("flow")] == [
        ("smb", True, None)]
    assert files(result) == [whole(NAME, SMALL)]
    assert result.sids() == [3]


def chain(message):
    """Its header as it is, the middle in each algorithm that says how long it is, zeros as a pattern."""
    third = (len(message) - 64) // 3
    parts = [message[64:64 + third], message[64 + third:64 + 2 * third], message[64 + 2 * third:]]
    return s.chained(len(message) + 5000, (0, message[:64], None), (1, xca.lznt1(parts[0]), len(parts[0])), (2, xca.lz77(parts[1]), len(parts[1])),
                     (3, xca.huffman(parts[2]), len(parts[2])), (4, s.pattern(0, 5000), None))


PACKED = {
    "lznt1": lambda m: s.compressed(1, xca.lznt1(m), len(m)),
    "lz77": lambda m: s.compressed(2, xca.lz77(m[100:]), len(m) - 100, m[:100]),
    "huffman": lambda m: s.compressed(3, xca.huffman(m), len(m)),
    "chain": chain,
}


@pytest.mark.parametrize("how", PACKED)
@pytest.mark.parametrize("size", [70, 300000])
def test_compressed(inspect, how, size):
    """A file is read and another written in compressed messages, of SMALL mixed with what packs well."""
    data = (SMALL + bytes(3000) + b"again and again " * 500) * (size // 16000 + 1)
    data, text = data[:size], (b"text " * size)[:size]
    turns = s.opening() + opened(4, ONE, NAME, size) + opened(5, TWO, "text") + [
        ("c", s.record(s.smb2(s.READ, 6, s.read(ONE, size), charge=5))),
        ("s", s.record(PACKED[how](s.answer(s.READ, 6, s.read_answer(data), charge=5)))),
        ("c", s.record(PACKED[how](s.smb2(s.WRITE, 7, s.write(TWO, text), charge=5)))),
        ("s", s.record(s.answer(s.WRITE, 7, s.written(size), charge=5)))] + closed(8, ONE) + closed(9, TWO)
    result = run(inspect, turns, segment=1400)
    assert files(result) == sorted([whole(NAME, data), whole("text", text)])
    assert "app_compressed" not in result.events("flow")[0]
    assert result.sids() == [3]


BAD = {
    "garbage": (s.compressed(1, filler(900), 4000), [1, 3]),
    "unknown": (s.compressed(5, filler(900), 4000), [1, 3]),
    "cut": (s.compressed(2, xca.lz77(SMALL)[:-9], 5000), [1, 3]),
    "more": (s.compressed(2, xca.lz77(SMALL), 5001), [1, 3]),
    "less": (s.compressed(2, xca.lz77(SMALL), 4999), [1, 3]),
    "beyond": (s.compressed(1, b"", 4, b"x" * 9)[:-3], [1, 3]),
    "not a message": (s.compressed(2, xca.lz77(SMALL), 5000), [1, 3]),
    "chain": (s.chained(90, (4, s.pattern(7, 91), None)), [1, 3]),
    "bomb": (s.chained(1 << 31, (4, s.pattern(7, 1 << 31), None)), [3]),
}


@pytest.mark.parametrize("what", BAD)
def test_compressed_badly(inspect, what):
    message, sids = BAD[what]
    ask, tell = opened(4, ONE, NAME)
    result = run(inspect, s.opening() + [ask, ("s", s.record(message)), tell] + closed(5, ONE))
    assert [(e.get("app_encrypted"), e.get("app_compressed")) for e in result.events("flow")] == [
        (None, True if what not in ("not a message", "less") else None)]
    assert sorted(set(result.sids())) == sids
    assert [e["anomaly"]["event"] for e in result.events("anomaly")] == ["malformed_data" if 1 in sids else "record_overflow"]


def test_nothing_unread(inspect):
    flow = run(inspect, s.opening()).events("flow")[0]
    assert "app_encrypted" not in flow and "app_compressed" not in flow


# ---- SMB 1 ----

def setup_andx(blob=b""):
    """The words of a session setup with extended security, behind AndX."""
    return s.struct.pack("<HHHIHII", 4356, 10, 0, 0, len(blob), 0, 0xd4)


def open_name(name):
    name = s.utf16(name)
    words = s.struct.pack("<BHIIIQIIIIIB", 0, len(name), 0x16, 0, 0x2019f, 0, 0x80, 7, 1, 0x40, 2, 3)
    return words, b"\0" + name


def opened1(fid, size=0):
    return s.struct.pack("<BHI", 0, fid, 1) + bytes(32) + s.struct.pack("<IQQHHB", 0x80, size, size, 0, 5, 0)


def read1(fid, n, offset=0):
    return s.struct.pack("<HIHHIHI", fid, offset, n, n, 0, 0, 0)


def read1_answer(data, at):
    """at: the offset of the data from the message's header."""
    return s.struct.pack("<HHHHHHQ", 0xffff, 0, 0, len(data), at, 0, 0), data


def start1():
    blob = s.ntlm_authenticate()
    return [("c", s.record(s.smb1(0x72, 0, [(0x72, b"", b"\2NT LM 0.12\0")]))),
            ("s", s.record(s.smb1(0x72, 0, [(0x72, s.struct.pack("<HBHHIIIIQhB", 0, 3, 50, 1, 16644, 65536, 0,
                                                                 0x8000f3fd, 0, 0, 0), bytes(16))], True))),
            ("c", s.record(s.smb1(0x73, 1, [
                (0x73, setup_andx(blob), blob + bytes(1 + len(blob) % 2) + s.utf16("Windows\0Lan\0")),
                (0x75, s.struct.pack("<HH", 0, 1), b"\0" + s.utf16("\\\\server\\data\0") + b"?????\0")], tree=0))),
            ("s", s.record(s.smb1(0x73, 1, [
                (0x73, s.struct.pack("<HH", 0, 0), b"\0" + s.utf16("Unix\0Samba\0")),
                (0x75, s.struct.pack("<H", 1), b"A:\0" + s.utf16("NTFS\0"))], True)))]


def test_smb1_chains(inspect):
    """SESSION_SETUP with TREE_CONNECT, then NT_CREATE with READ and, in another record, CLOSE."""
    data = SMALL[:900]
    words, name = open_name(NAME)
    turns = start1() + [("c", s.record(s.smb1(0xa2, 2, [(0xa2, words, name), (0x2e, read1(0xffff, 4096), b"")])))]
    first = s.smb1(0xa2, 2, [(0xa2, opened1(0x4001, 900), b"")], True)
    at = len(first) + len(first) % 2 + 1 + 24 + 2
    turns += [("s", s.record(s.smb1(0xa2, 2, [(0xa2, opened1(0x4001, 900), b""), (0x2e, *read1_answer(data, at))], True))),
              ("c", s.record(s.smb1(4, 3, [(4, s.struct.pack("<HI", 0x4001, 0), b"")]))),
              ("s", s.record(s.smb1(4, 3, [(4, b"", b"")], True)))]
    result = run(inspect, turns)
    records = [e["smb"] for e in result.events("smb")]
    assert [r["ntlmssp"]["user"] for r in records if "ntlmssp" in r] == ["alice"]
    assert [r["share"] for r in records if r["command"] == "SMB1_COMMAND_TREE_CONNECT_ANDX"] == ["\\\\server\\data"]
    assert files(result) == [whole(NAME, data)]
    assert set(result.sids()) == {3}
