"""SMB 1 to 3 for the tests (MS-CIFS, MS-SMB2), and DCE/RPC (MS-RPCE) in its pipes or bare."""
import struct

NEGOTIATE, SESSION, TREE, CREATE, CLOSE, READ, WRITE, IOCTL = 0, 1, 3, 5, 6, 8, 9, 11
RESPONSE, ASYNC, RELATED = 1, 2, 4
PENDING = 0x103
LAST = b"\xff" * 16   # the file of the message before
PIPE_TRANSCEIVE = 0x11c017


def record(*messages):
    """Messages of SMB2 as a compound, or one of any kind, behind the header of NetBIOS."""
    out = b""
    for i, one in enumerate(messages):
        if i + 1 < len(messages):
            one += bytes(-len(one) % 8)
            one = one[:20] + struct.pack("<I", len(one)) + one[24:]
        out += one
    return struct.pack(">I", len(out)) + out


def utf16(text):
    return text.encode("utf-16-le")


def smb2(command, number, body, status=0, flags=0, tree=5, session=17, asynchronous=0, charge=1):
    where = struct.pack("<Q", asynchronous) if flags & ASYNC else struct.pack("<II", 0xfeff, tree)
    return (b"\xfeSMB" + struct.pack("<HHIHHIIQ", 64, charge, status, command, 31, flags, 0, number) + where +
            struct.pack("<Q", session) + bytes(16) + body)


def answer(command, number, body, status=0, flags=0, **kw):
    return smb2(command, number, body, status, flags | RESPONSE, **kw)


ERROR = struct.pack("<HHIB", 9, 0, 0, 0)


def tree(path):
    path = utf16(path)
    return struct.pack("<HHHH", 9, 0, 72, len(path)) + path


def tree_answer(kind=1, flags=0):
    return struct.pack("<HBBIII", 16, kind, 0, flags, 0, 0x1f01ff)


def create(name):
    name = utf16(name)
    return (struct.pack("<HBBI", 57, 0, 0, 2) + bytes(16) +
            struct.pack("<IIIIIHHII", 0x12019f, 0x80, 7, 1, 0x40, 120, len(name), 0, 0) + (name or bytes(8)))


def create_answer(fid, size=0):
    return (struct.pack("<HBBI", 89, 0, 0, 1) + struct.pack("<Q", 133000000000000000) * 4 +
            struct.pack("<QQII", size, size, 0x20, 0) + fid + bytes(8))


def close(fid):
    return struct.pack("<HHI", 24, 0, 0) + fid


CLOSED = struct.pack("<HH", 60, 0) + bytes(56)


def write(fid, data, offset=0):
    return struct.pack("<HHIQ", 49, 112, len(data), offset) + fid + bytes(16) + data


def written(n):
    return struct.pack("<HHIIHH", 17, 0, n, 0, 0, 0)


def read(fid, n, offset=0):
    return struct.pack("<HBBIQ", 49, 80, 0, n, offset) + fid + bytes(16) + b"\0"


def read_answer(data):
    return struct.pack("<HBBIII", 17, 80, 0, len(data), 0, 0) + data


def transceive(fid, data):
    return (struct.pack("<HHI", 57, 0, PIPE_TRANSCEIVE) + fid + struct.pack("<8I", 120, len(data), 0, 0, 0, 4280, 1, 0) +
            data)


def transceived(fid, data):
    return struct.pack("<HHI", 49, 0, PIPE_TRANSCEIVE) + fid + struct.pack("<6I", 112, 0, 112, len(data), 0, 0) + data


def negotiate(dialects=(0x202, 0x210, 0x300, 0x302)):
    return (struct.pack("<HHHHI", 36, len(dialects), 1, 0, 0x7f) + bytes(range(16)) + bytes(8) +
            b"".join(struct.pack("<H", d) for d in dialects))


def negotiated(dialect=0x302, most=8 << 20):
    return (struct.pack("<HHHH", 65, 1, dialect, 0) + bytes(range(16)) + struct.pack("<IIII", 0x7f, most, most, most) +
            bytes(16) + struct.pack("<HHI", 128, 0, 0))


def session(blob):
    return struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, len(blob), 0) + blob


def session_answer(blob=b"", flags=0):
    return struct.pack("<HHHH", 9, flags, 72, len(blob)) + blob


def ntlm_authenticate(domain="DOM", user="alice", host="PC1"):
    """MS-NLMP 2.2.1.3"""
    fields, payload, at = b"", b"", 72
    for text in (domain, user, host):
        text = utf16(text)
        fields += struct.pack("<HHI", len(text), len(text), at)
        payload, at = payload + text, at + len(text)
    return (b"NTLMSSP\0" + struct.pack("<I", 3) + bytes(16) + fields + bytes(8) + struct.pack("<I", 0x02000001) +
            bytes([10, 0, 0x61, 0x4a, 0, 0, 0, 15]) + payload)


NTLM_NEGOTIATE = b"NTLMSSP\0" + struct.pack("<II", 1, 0xa2088207) + bytes(16) + bytes([10, 0, 0x61, 0x4a, 0, 0, 0, 15])
NTLM_CHALLENGE = (b"NTLMSSP\0" + struct.pack("<IHHIIQQHHI", 2, 0, 0, 56, 0xa2898205, 1, 0, 0, 0, 56) +
                  bytes([10, 0, 0x61, 0x4a, 0, 0, 0, 15]))


def opening(path="\\\\server\\data", kind=1):
    """Up to a tree that is connected; messages 0 to 3."""
    return [("c", record(smb2(NEGOTIATE, 0, negotiate(), tree=0, session=0))),
            ("s", record(answer(NEGOTIATE, 0, negotiated(), tree=0, session=0))),
            ("c", record(smb2(SESSION, 1, session(NTLM_NEGOTIATE), tree=0, session=0))),
            ("s", record(answer(SESSION, 1, session_answer(NTLM_CHALLENGE), 0xc0000016, tree=0))),
            ("c", record(smb2(SESSION, 2, session(ntlm_authenticate()), tree=0))),
            ("s", record(answer(SESSION, 2, session_answer(), tree=0))),
            ("c", record(smb2(TREE, 3, tree(path), tree=0))),
            ("s", record(answer(TREE, 3, tree_answer(kind))))]


def transformed(n, session=17):
    """MS-SMB2 2.2.41: what is encrypted, with the transform header."""
    return (b"\xfdSMB" + bytes(range(16)) + bytes(range(16)) + struct.pack("<IHHQ", n, 0, 1, session) +
            bytes((i * 37 + 11) & 255 for i in range(n)))


def compressed(algorithm, packed, original, before=b""):
    """MS-SMB2 2.2.42.1: a message of so many bytes as one; `before` stays as it is."""
    return b"\xfcSMB" + struct.pack("<IHHI", original, algorithm, 0, len(before)) + before + packed


def chained(original, *parts):
    """MS-SMB2 2.2.42.2: (algorithm, bytes, how many they become; None: it does not say)."""
    out = b"\xfcSMB" + struct.pack("<I", original)
    for algorithm, packed, said in parts:
        body = (b"" if said is None else struct.pack("<I", said)) + packed
        out += struct.pack("<HHI", algorithm, 1, len(body)) + body
    return out


def pattern(byte, times):
    return bytes([byte, 0, 0, 0]) + struct.pack("<I", times)


# ---- SMB 1 ----

def smb1(command, number, blocks, response=False, status=0, tree=0x800, user=0x1000, flags2=0xc801):
    """blocks: [(command, words, bytes), …], chained; the words of a chained one begin behind its AndX fields."""
    out = (b"\xffSMB" + struct.pack("<BIBH", command, status, 0x18 | response << 7, flags2) + bytes(12) +
           struct.pack("<HHHH", tree, 0xfeff, user, number))
    for i, (kind, words, data) in enumerate(blocks):
        last = i + 1 == len(blocks)
        if kind in ANDX:
            size = 1 + 4 + len(words) + 2 + len(data)
            end = len(out) + size
            words = struct.pack("<BBH", 0xff if last else blocks[i + 1][0], 0, 0 if last else end + end % 2) + words
        out += bytes([len(words) // 2]) + words + struct.pack("<H", len(data)) + data
        if not last and len(out) % 2:
            out += b"\0"
    return out


ANDX = (0x2d, 0x2e, 0x2f, 0x73, 0x74, 0x75, 0xa2)


# ---- DCE/RPC ----

REQUEST, REPLY, FAULT, BIND, BIND_ACK, ALTER, ALTER_ACK, AUTH3 = 0, 2, 3, 11, 12, 14, 15, 16
SVCCTL, SAMR = "367abb81-9844-35f1-ad32-98f038001003", "12345778-1234-abcd-ef00-0123456789ac"
NDR = "8a885d04-1ceb-11c9-9fe8-08002b104860"


class Rpc:
    """Fragments in one of both byte orders."""

    def __init__(self, little=True):
        self.order = "<" if little else ">"
        self.little = little

    def pack(self, form, *values):
        return struct.pack(self.order + form, *values)

    def uuid(self, text):
        a, b, c, d, e = text.split("-")
        return self.pack("IHH", int(a, 16), int(b, 16), int(c, 16)) + bytes.fromhex(d + e)

    def fragment(self, kind, call, body, flags=3, auth=b""):
        if auth:
            body += bytes(-len(body) % 4) + bytes([10, 2, -len(body) % 4, 0]) + self.pack("I", 1) + auth
        head = bytes([5, 0, kind, flags, 0x10 if self.little else 0, 0, 0, 0])
        return head + self.pack("HHI", 16 + len(body), len(auth), call) + body

    def bind(self, call, *contexts, kind=BIND, auth=b""):
        """contexts: (number, UUID, version)"""
        body = self.pack("HHI", 4280, 4280, 0) + bytes([len(contexts), 0, 0, 0])
        for number, uuid, version in contexts:
            body += self.pack("H", number) + b"\1\0" + self.uuid(uuid) + self.pack("HH", version, 0)
            body += self.uuid(NDR) + self.pack("HH", 2, 0)
        return self.fragment(kind, call, body, auth=auth)

    def ack(self, call, *results, kind=BIND_ACK, auth=b""):
        body = self.pack("HHI", 4280, 4280, 0x53f0)
        body += self.pack("H", 13) + b"\\PIPE\\ntsvcs\0" if kind == BIND_ACK else self.pack("H", 0) + b""
        body += bytes(-len(body) % 4) + bytes([len(results), 0, 0, 0])
        for result in results:
            body += self.pack("HH", result, 0) + self.uuid(NDR) + self.pack("HH", 2, 0)
        return self.fragment(kind, call, body, auth=auth)

    def request(self, call, opnum, stub, size=0, context=0):
        """In fragments with at most `size` bytes of the stub data."""
        return self.cut(REQUEST, call, self.pack("HH", context, opnum), stub, size)

    def reply(self, call, stub, size=0, context=0):
        return self.cut(REPLY, call, self.pack("HH", context, 0), stub, size)

    def cut(self, kind, call, head, stub, size):
        parts = [stub[at:at + size] for at in range(0, len(stub), size)] if size else [stub]
        return [self.fragment(kind, call, self.pack("I", len(stub)) + head + part,
                              (1 if i == 0 else 0) | (2 if i + 1 == len(parts) else 0))
                for i, part in enumerate(parts)]
