#!/usr/bin/python3
"""Writes seeds for the targets of fuzz_proto.c: corpus/NAME/*.

usage: seeds.py [FOLDER]      default: corpus/ beside this file
Handshakes are made by two ends of the ssl module that talk through memory; DNS messages by hand.
"""
import base64
import os
import ssl
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'support'))
import samples  # noqa: E402
import xca  # noqa: E402

top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), 'corpus')


def pieces(parts, first=0):
    """parts: (direction, bytes) → an input of fuzz_proto.c."""
    out = bytes([first])
    for direction, data in parts:
        for at in range(0, len(data), 255):
            chunk = data[at:at + 255]
            out += bytes([direction << 7 | (7 if at + 255 >= len(data) else 0), len(chunk)]) + chunk
    return out + bytes([6, 0, 0x86, 0])


def save(proto, name, data):
    folder = os.path.join(top, proto)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), 'wb') as f:
        f.write(data)


def tnef():
    """Inputs of fuzz_winmail.c: the size of pieces, and a winmail.dat."""
    def attribute(level, number, body):
        return struct.pack('<BII', level, number, len(body)) + body + struct.pack('<H', sum(body) & 0xffff)
    whole = b'\x78\x9f\x3e\x22\1\0' + attribute(1, 0x78008, b'IPM.Note\0')
    for name, data in ((b'a.exe\0', b'MZ' + bytes(50)), (b'', b''), (b'x' * 300, b'y')):
        parts = [attribute(2, 0x18010, name), attribute(2, 0x6800f, data)]
        whole += attribute(2, 0x69002, bytes(14)) + b''.join(parts if data else reversed(parts))
    long_name = 'long.exe\0'.encode('utf-16-le')
    whole += attribute(2, 0x69005, struct.pack('<IHHIHHII', 2, 3, 0x0e21, 1, 31, 0x3707, 1, len(long_name)) + long_name + bytes(-len(long_name) % 4))
    save('winmail', 'whole', b'\0' + whole)
    save('winmail', 'cut', b'\6' + whole[:120])
    save('winmail', 'level', b'\2' + whole[:32] + b'\7' + whole[33:])
    inner = b'Content-Type: application/x; name=a\r\n\r\nMZ\r\n'
    save('winmail', 'message', b'\3' + samples.tnef_message(samples.tnef('a.exe', b'MZ')))
    save('winmail', 'signed', b'\4' + samples.smime(inner))
    save('winmail', 'signed_pieces', b'\5' + samples.smime(inner, pieces=9))
    save('winmail', 'enveloped', b'\7' + samples.smime(inner, 'enveloped'))


def packed():
    """Inputs of fuzz_xca.c: which decoder, how much may come out, and what is packed."""
    text = b'abcabcabc, hello hello hello world' * 12 + bytes(700)
    for i, (name, encode) in enumerate((('lznt1', xca.lznt1), ('lz77', xca.lz77), ('huffman', xca.huffman))):
        save('xca', name, bytes([i]) + struct.pack('>H', len(text)) + encode(text))


def handshake(version, folder):
    server_ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_ctx.load_cert_chain(os.path.join(folder, 'c'), os.path.join(folder, 'k'))
    server_ctx.set_alpn_protocols(['h2'])
    client_ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_ctx.check_hostname = False
    client_ctx.verify_mode = ssl.CERT_NONE
    client_ctx.set_alpn_protocols(['h2', 'http/1.1'])
    for ctx in (server_ctx, client_ctx):
        ctx.minimum_version = ctx.maximum_version = version
    pipes = [ssl.MemoryBIO() for _ in range(4)]
    client = client_ctx.wrap_bio(pipes[0], pipes[1], server_hostname='www.example.com')
    server = server_ctx.wrap_bio(pipes[2], pipes[3], server_side=True)
    parts = []
    for _ in range(6):
        for end, out, into, direction in ((client, pipes[1], pipes[2], 0), (server, pipes[3], pipes[0], 1)):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            data = out.read()
            if data:
                parts.append((direction, data))
                into.write(data)
    client.write(b'x' * 100)
    parts.append((0, pipes[1].read()))
    return parts


def tls():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30',
                        '-keyout', os.path.join(folder, 'k'), '-out', os.path.join(folder, 'c'),
                        '-subj', '/C=XX/O=Example/CN=www.example.com/emailAddress=a@example.com',
                        '-addext', 'subjectAltName=DNS:www.example.com,IP:192.0.2.1,email:a@b.example'],
                       check=True, stderr=subprocess.DEVNULL)
        for name, version in (('12', ssl.TLSVersion.TLSv1_2), ('13', ssl.TLSVersion.TLSv1_3)):
            parts = handshake(version, folder)
            save('tls', 'handshake-' + name, pieces(parts, 2))
            save('tls', 'server-' + name, pieces([p for p in parts if p[0]], 2))
    save('tls', 'sslv2', pieces([(0, bytes.fromhex('802e0100020015000000100100800300800700c0'
                                                   '060040020080040080') + bytes(16))], 2))
    save('tls', 'heartbeat', pieces([(0, bytes.fromhex('1603010004010000001803020003014000'))], 2))


def dns():
    name = b'\3www\7example\3com\0'
    question = struct.pack('>HHHHHH', 1, 0x100, 1, 0, 0, 0) + name + b'\0\1\0\1'
    records = b''
    for kind, data in ((1, b'\xc0\0\2\1'), (5, b'\3alt\xc0\x10'), (28, bytes(16)), (16, b'\2ab\0\1c'),
                       (33, b'\0\1\0\2\1\xbb\1a\0'), (44, b'\2\1abc'), (15, b'\0\x0a\xc0\x10'),
                       (6, b'\1m\0\1r\0' + bytes(20)), (41, b'\0\x0a\0\2hi'), (10, b'null')):
        records += b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 60, len(data)) + data
    answer = struct.pack('>HHHHHH', 1, 0x8180, 1, 10, 0, 0) + name + b'\0\1\0\1' + records
    loop = struct.pack('>HHHHHH', 1, 0x8180, 0, 1, 0, 0) + b'\xc0\x0c' + bytes(10)
    save('dns', 'udp', pieces([(0, question), (1, answer), (1, loop)], 1))
    save('dns', 'udp-other-port', pieces([(0, question), (1, answer)], 9))
    save('dns', 'tcp', pieces([(d, struct.pack('>H', len(m)) + m) for d, m in
                               ((0, question), (0, question), (1, answer), (1, loop))], 0))
    save('mdns', 'multicast', datagrams([(0, question), (0, answer), (0, loop)], 15))
    save('mdns', 'unicast', datagrams([(0, question), (1, answer)], 14))
    save('llmnr', 'udp', datagrams([(0, question), (0, answer), (1, answer), (0, loop), (0, question[:-7])], 15))
    save('llmnr', 'tcp', pieces([(d, struct.pack('>H', len(m)) + m) for d, m in ((0, question), (1, answer), (0, loop))], 14))


def ranges():
    """Inputs of fuzz_range.c: steps of what, which response, and two bytes for where or how much."""
    def begin(slot, start, name=0):
        return struct.pack('>BBH', 0, name * 8 + slot, start)

    def take(slot, *sizes, what=2):
        return b''.join(struct.pack('>BBH', what, slot, n) for n in sizes)
    show, end = struct.pack('>BBH', 6, 0, 0), struct.pack('>BBH', 5, 1, 0)
    save('range', 'in-order', begin(0, 0) + take(0, 299, 299) + show + take(0, 299, 299))
    save('range', 'early', begin(1, 500) + take(1, 299, 299) + end + begin(0, 0) + take(0, 299, 299))
    save('range', 'turns', begin(0, 0) + begin(1, 400) + begin(2, 700) + (take(0, 100) + take(1, 100) + take(2, 100)) * 5)
    save('range', 'overlaps', begin(0, 300) + take(0, 200) + begin(1, 100) + take(1, 299) + begin(2, 0) + take(2, 250) +
         begin(3, 350) + take(3, 299, 299, 299))
    save('range', 'missing', begin(0, 200) + take(0, 100) + struct.pack('>BBBB', 4, 0, 7, 3) + take(0, 299, 299, 299) + begin(1, 0) + take(1, 200))
    save('range', 'names', begin(0, 0, 1) + begin(1, 0, 2) + take(0, 299, 299) + take(1, 299) + struct.pack('>BBH', 7, 0, 0) + begin(2, 0) + take(2, 9))


def datagrams(parts, first):
    """parts: (direction, bytes) → an input of fuzz_proto.c; each filled up to a multiple of 16."""
    out = bytes([first])
    for direction, data in parts:
        data += bytes(-len(data) % 16)
        out += bytes([direction << 7 | 0x40, len(data) // 16]) + data
    return out


def dhcp():
    def message(op, *options):
        head = struct.pack('>BBBBIHH', op, 1, 6, 0, 7, 0, 0) + bytes(4) + bytes([10, 0, 0, 7]) + bytes(8)
        head += bytes([2, 0, 0, 0, 0, 1]) + bytes(10 + 64 + 128) + b'\x63\x82\x53\x63'
        return head + b''.join(bytes([code, len(data)]) + data for code, data in options) + b'\xff'
    request = message(1, (53, b'\3'), (12, b'pc1'), (55, bytes([1, 3, 6, 15, 66])), (60, b'MSFT'), (50, bytes(4)),
                      (61, b'\1' + bytes(6)))
    ack = message(2, (53, b'\5'), (51, bytes(4)), (58, bytes(4)), (59, bytes(4)), (1, bytes(4)), (3, bytes(8)),
                  (6, bytes(4)), (81, b'\5\xff\xff\3pc1\4corp\0'))
    save('dhcp', 'lease', datagrams([(0, request), (1, ack)], 13))
    save('dhcp', 'cut', datagrams([(1, ack[:-20])], 13))


def pdu(kind, flags, call, body, minor=0):
    return bytes([5, minor, kind, flags, 0x10, 0, 0, 0]) + struct.pack('<HHI', 16 + len(body), 0, call) + body


RPC_UUID = bytes.fromhex('81bb7a364498f135ad3298f038001003')
NDR = bytes.fromhex('045d888aeb1cc9119fe808002b10486002000000')
RPC_BIND = pdu(11, 3, 1, struct.pack('<HHIB3xHBx', 4280, 4280, 0, 1, 0, 1) + RPC_UUID + bytes([2, 0, 0, 0]) + NDR)
RPC_ACK = pdu(12, 3, 1, struct.pack('<HHIH', 4280, 4280, 0, 3) + b'10\0' + bytes(3) + bytes([1, 0, 0, 0]) + bytes(4) + NDR)
RPC_CALL = (pdu(0, 1, 2, struct.pack('<IHH', 8, 0, 15) + b'AAAA'), pdu(0, 2, 2, struct.pack('<IHH', 8, 0, 15) + b'BBBB'))
RPC_REPLY = pdu(2, 3, 2, struct.pack('<IHH', 4, 0, 0) + b'CCCC')


LOGON = (b'NTLMSSP\0' + struct.pack('<I', 3) + bytes(16) + struct.pack('<HHIHHIHHI', 2, 2, 72, 6, 6, 74, 4, 4, 80) + bytes(8) +
         struct.pack('<I', 0x0a020001) + bytes([10, 0, 0x61, 0x4a, 0, 0, 0, 15]) + 'Dbabpc'.encode('utf-16-le'))


def dcerpc():
    save('dcerpc', 'call', pieces([(0, RPC_BIND), (1, RPC_ACK), (0, RPC_CALL[0]), (0, RPC_CALL[1]), (1, RPC_REPLY)], 0))
    logon = bytes(4) + bytes([10, 2, 0, 0, 1, 0, 0, 0]) + LOGON
    auth3 = pdu(16, 3, 1, logon)
    auth3 = auth3[:10] + struct.pack('<H', len(LOGON)) + auth3[12:]
    save('dcerpc', 'logon', pieces([(0, RPC_BIND), (1, RPC_ACK), (0, auth3), (0, RPC_CALL[1]), (1, RPC_REPLY)], 0))
    save('dcerpc', 'fault', pieces([(0, RPC_BIND), (1, RPC_ACK), (0, RPC_CALL[1]), (1, pdu(3, 3, 2, bytes(16)))], 0))
    head = bytes([4, 0, 0x20, 0, 0x10, 0, 0, 0]) + bytes(16) + RPC_UUID + bytes(range(16))
    head += struct.pack('<IIIHHHHHBB', 0, 3, 5, 15, 0xffff, 0xffff, 4, 0, 0, 0)
    answer = head[:1] + b'\2' + head[2:]
    save('dcerpc', 'udp', pieces([(0, head + b'ABCD'), (1, answer + b'ABCD')], 1))


def record(message):
    return struct.pack('>I', len(message)) + message


def smb2(direction, command, number, body, status=0, following=0):
    return (b'\xfeSMB' + struct.pack('<HHIHHIIQIIQ', 64, 0, status, command, 1, direction, following, number, 0, 1, 17) +
            bytes(16) + body)


def smb1(direction, command, words, data=b'', flags2=0xc801):
    head = b'\xffSMB' + struct.pack('<BIBH', command, 0, 0x18 | direction << 7, flags2) + bytes(12)
    return head + struct.pack('<HHHH', 1, 0xfeff, 0x800, 1) + bytes([len(words) // 2]) + words + struct.pack('<H', len(data)) + data


def utf16(text):
    return text.encode('utf-16-le')


def smb():
    fid = bytes(range(16))

    def both(command, number, ask, answer, status=0):
        return [(0, record(smb2(0, command, number, ask))), (1, record(smb2(1, command, number, answer, status)))]

    def ask_tree(path):
        return struct.pack('<HHHH', 9, 0, 72, len(path)) + path

    def ask_create(name):
        return (struct.pack('<HBBI', 57, 0, 0, 2) + bytes(16) + struct.pack('<IIIIIHHII', 1, 0, 7, 1, 0x40, 120, len(name), 0, 0) +
                name)

    def write(data):
        return struct.pack('<HHIQ', 49, 112, len(data), 0) + fid + bytes(16) + data

    def answer_read(data):
        return struct.pack('<HBBIII', 17, 80, 0, len(data), 0, 0) + data

    start = both(0, 0, struct.pack('<HHHHI', 36, 2, 1, 0, 0) + bytes(24) + struct.pack('<HH', 0x202, 0x210),
                 struct.pack('<HHHH', 65, 1, 0x210, 0) + bytes(20) + struct.pack('<III', 1 << 20, 1 << 20, 1 << 20) + bytes(28))
    ticket = tlv(0x61, tlv(0x30, tlv(0xa0, b'\2\1\5'), tlv(0xa1, tlv(0x1b, b'R')),
                           tlv(0xa2, tlv(0x30, tlv(0xa0, b'\2\1\2'), tlv(0xa1, tlv(0x30, tlv(0x1b, b'cifs'), tlv(0x1b, b'h')))))))
    for n, one in enumerate((LOGON, ticket)):
        start += both(1, 1 + n, struct.pack('<HBBIIHHQ', 25, 0, 1, 0, 0, 88, len(one), 0) + one,
                      struct.pack('<HHHH', 9, 0, 72, 0), 0xc0000016)
    created = struct.pack('<HBBI', 89, 0, 0, 1) + bytes(40) + struct.pack('<QII', 8, 0x20, 0) + fid + bytes(8)
    disk = both(3, 4, ask_tree(utf16('\\\\s\\d')), struct.pack('<HBBIII', 16, 1, 0, 0, 0, 0)) + both(5, 5, ask_create(utf16('a')), created)
    read = struct.pack('<HBBIQ', 49, 80, 0, 8, 0) + fid + bytes(16)
    disk += both(9, 6, write(bytes(range(200)) * 2), struct.pack('<HHIIHH', 17, 0, 400, 0, 0, 0)) + both(8, 7, read, answer_read(b'ABCDEFGH'))
    info = struct.pack('<HBBIHHI', 33, 1, 10, 22, 96, 0, 0) + fid + bytes(16) + struct.pack('<I', 2) + utf16('b')
    disk += both(17, 8, info, b'\2\0') + both(17, 9, struct.pack('<HBBIHHI', 33, 1, 13, 1, 96, 0, 0) + fid + b'\1', b'\2\0')
    disk += both(6, 10, struct.pack('<HHI', 24, 0, 0) + fid, bytes(60))
    save('smb', 'disk', pieces(start + disk, 2))
    plain = smb2(0, 9, 6, write(bytes(200)))
    head = struct.pack('<I', len(plain))
    one = b'\xfcSMB' + head + struct.pack('<HHI', 2, 0, 0) + xca.lz77(plain)
    parts = ((0, plain[:64]), (3, struct.pack('<I', len(plain) - 64) + xca.huffman(plain[64:])), (1, struct.pack('<I', 0)), (4, bytes(8)))
    chain = b'\xfcSMB' + head + b''.join(struct.pack('<HHI', kind, 1, len(body)) + body for kind, body in parts)
    save('smb', 'packed', pieces(start + [(0, record(one)), (0, record(chain)), (1, record(chain))], 2))
    ioctl = struct.pack('<HHI', 57, 0, 0x11c017) + fid + struct.pack('<IIIIIIII', 120, 24 + 4, 0, 0, 0, 1024, 1, 0) + RPC_CALL[1]
    reply = struct.pack('<HHI', 49, 0, 0x11c017) + fid + struct.pack('<IIIIII', 112, 0, 112, len(RPC_REPLY), 0, 0) + RPC_REPLY
    pipe = both(3, 4, ask_tree(utf16('\\\\s\\IPC$')), struct.pack('<HBBIII', 16, 2, 0, 0, 0, 0)) + both(5, 5, ask_create(utf16('svcctl')), created)
    pipe += both(9, 6, write(RPC_BIND), struct.pack('<HHIIHH', 17, 0, 72, 0, 0, 0)) + both(8, 7, read, answer_read(RPC_ACK))
    pipe += both(11, 8, ioctl, reply) + both(9, 9, write(RPC_CALL[0][:20]), b'') + both(9, 10, write(RPC_CALL[0][20:]), b'')
    save('smb', 'pipe', pieces(start + pipe, 2))
    first = smb2(0, 5, 5, ask_create(utf16('abcd')), 0, 64 + 56 + 8)
    save('smb', 'compound', pieces([(0, record(first + smb2(4, 6, 6, struct.pack('<HHI', 24, 0, 0) + b'\xff' * 16)))], 2))
    more = smb2(4, 9, 6, struct.pack('<HHIQ', 49, 112, 8, 0) + b'\xff' * 16 + bytes(16) + b'ABCDEFGH', 0, 120)
    more += smb2(4, 8, 7, struct.pack('<HBBIQ', 49, 80, 0, 8, 0) + b'\xff' * 16 + bytes(16), 0, 112)
    end = smb2(4, 6, 8, struct.pack('<HHI', 24, 0, 0) + b'\xff' * 16)
    opened = smb2(1, 5, 5, created) + smb2(5, 8, 7, answer_read(b'ABCDEFGH'))
    save('smb', 'compound_write', pieces([(0, record(first + more + end)), (1, record(opened[:64 + len(created)])),
                                          (1, record(opened[64 + len(created):])), (1, record(smb2(5, 6, 8, bytes(60))))], 2))
    old = [(0, record(smb1(0, 0x72, b'', b'\2NT LM 0.12\0'))), (1, record(smb1(1, 0x72, bytes(2))))]
    old += [(0, record(smb1(0, 0x73, struct.pack('<BBHHHHIHII', 255, 0, 0, 4096, 1, 0, 0, len(LOGON), 0, 0), LOGON + bytes(1) + utf16('W\0L\0')))),
            (1, record(smb1(1, 0x73, struct.pack('<BBHHH', 255, 0, 0, 0, 0), utf16('W\0L\0'))))]
    old += [(0, record(smb1(0, 0x75, struct.pack('<BBHHH', 255, 0, 0, 0, 1), b'\0' + utf16('\\s\\IPC$\0') + b'IPC\0'))),
            (1, record(smb1(1, 0x75, struct.pack('<BBHH', 255, 0, 0, 0), b'IPC\0')))]
    name = utf16('\\e')
    old += [(0, record(smb1(0, 0xa2, struct.pack('<BBHBHIIIQIIIIIB', 255, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 7, 1, 0, 2, 0), b'\0' + name))),
            (1, record(smb1(1, 0xa2, struct.pack('<BBHBHI', 255, 0, 0, 0, 0x4000, 1) + bytes(32) + struct.pack('<IQQHHB', 0, 4, 4, 0, 0, 0))))]
    old += [(0, record(smb1(0, 0x2f, struct.pack('<BBHHIIHHHHHI', 255, 0, 0, 0x4000, 0, 0, 0, 0, 0, 72, 64, 0), b'\0' + RPC_BIND))),
            (0, record(smb1(0, 0x2e, struct.pack('<BBHHIHHIHI', 255, 0, 0, 0x4000, 0, 60, 60, 0, 60, 0)))),
            (1, record(smb1(1, 0x2e, struct.pack('<BBHHHHHHHIHH', 255, 0, 0, 0, 0, 0, 60, 60, 0, 0, 0, 0), b'\0' + RPC_ACK)))]
    trans = struct.pack('<HHHHBBHIHHHHHBBHH', 0, 28, 0, 1024, 0, 0, 0, 0, 0, 0, 0, 28, 67, 2, 0, 0x26, 0x4000)
    old += [(0, record(smb1(0, 0x25, trans, RPC_CALL[1]))),
            (1, record(smb1(1, 0x25, struct.pack('<HHHHHHHHHBB', 0, 28, 0, 0, 56, 0, 28, 55, 0, 0, 0), RPC_REPLY))),
            (0, record(smb1(0, 0x32, struct.pack('<HHHHBBHIHHHHHBBH', 6, 1, 0, 0, 0, 0, 0, 0, 0, 6, 65, 1, 71, 1, 0, 8),
                            struct.pack('<HHH', 0x4000, 1013, 0) + b'\1'))),
            (0, record(smb1(0, 4, struct.pack('<HI', 0x4000, 0))))]
    save('smb', 'old', pieces(old, 2))


def tlv(tag, *parts):
    body = b''.join(parts)
    return bytes([tag, len(body)]) + body


def host():
    """Inputs of fuzz_host.c: a byte that says what follows, then the packet."""
    encoded = b'\x20' + b''.join(bytes([65 + (c >> 4), 65 + (c & 15)]) for c in b'PC1'.ljust(15) + b'\0') + b'\0'
    head = {'question': (0x0110, 1, 0, 0, 0), 'answer': (0x8500, 0, 1, 0, 0), 'registration': (0x2910, 1, 0, 0, 1)}
    head = {k: struct.pack('>6H', 7, *v) for k, v in head.items()}
    address = b'\0\x20\0\1\0\0\0\x09\0\x0c\0\0\x0a\0\0\6\x80\0\x0a\0\0\7'
    status = (b'\0\x21\0\1\0\0\0\0\0\x2b\2' + b'PC1'.ljust(15) + b'\0\4\0' + b'LAB'.ljust(15) + b'\x1e\x84\0' +
              bytes([2, 0, 0, 0, 0, 1]))
    save('nbns', 'names', datagrams([(0, head['question'] + encoded + b'\0\x20\0\1'), (0, head['answer'] + encoded + address),
                                     (0, head['registration'] + encoded + b'\0\x20\0\1\xc0\x0c' + address),
                                     (0, head['question'] + encoded[:-1] + b'\3lab\0\0\x20\0\1')], 15))
    save('nbns', 'status', datagrams([(0, head['question'] + encoded + b'\0\x21\0\1'), (1, head['answer'] + encoded + status),
                                      (1, head['answer'] + encoded + status[:40])], 15))
    save('host', 'nbns-registration', b'\0' + struct.pack('>HHHHHH', 1, 0x2910, 1, 0, 0, 1) + encoded +
         b'\0\x20\0\1\xc0\x0c\0\x20\0\1\0\0\0\x09\0\6\0\0\x0a\0\0\6')
    save('host', 'nbns-status', b'\0' + struct.pack('>HHHHHH', 1, 0x8400, 0, 1, 0, 0) + encoded +
         b'\0\x21\0\1\0\0\0\0\0\x2b\2' + b'PC1'.ljust(15) + b'\0\4\0' + b'BOB'.ljust(15) + b'\3\4\0' +
         bytes([2, 0, 0, 0, 0, 1]))
    address = b'\0\1\x80\1\0\0\0\x78\0\4\x0a\0\0\5'
    save('host', 'mdns', b'\1' + struct.pack('>HHHHHH', 0, 0x8400, 0, 1, 0, 0) + b'\3pc1\5local\0' + address)
    save('host', 'llmnr', b'\2' + struct.pack('>HHHHHH', 0, 0x8000, 0, 1, 0, 0) + b'\3pc1\0' + address)
    names = tlv(0x30, tlv(0xa0, b'\2\1\1'), tlv(0xa1, tlv(0x30, tlv(0x1b, b'PC1$'))))
    addresses = tlv(0x30, tlv(0x30, tlv(0xa0, b'\2\1\x14'), tlv(0xa1, tlv(4, b'PC1'.ljust(16)))))
    body = tlv(0x30, tlv(0xa0, b'\3\5\0\0\0\0\0'), tlv(0xa1, names), tlv(0xa9, addresses))
    request = tlv(0x6a, tlv(0x30, tlv(0xa1, b'\2\1\5'), tlv(0xa2, b'\2\1\x0a'), tlv(0xa4, body)))
    save('host', 'krb5', b'\3' + request)
    save('host', 'krb5-tcp', b'\7' + struct.pack('>I', len(request)) + request)
    save('host', 'arp', b'\4' + b'\0\1\x08\0\6\4\0\1' + bytes([2, 0, 0, 0, 0, 1, 10, 0, 0, 5]) + bytes(10))
    save('host', 'neighbour', b'\6' + b'\x20\1\x0d\xb8' + bytes(11) + b'\7\2\1' + bytes([2, 0, 0, 0, 0, 1]))


def mqtt():
    def message(first, body):
        return bytes([first, len(body)]) + body

    def text(t):
        return struct.pack('>H', len(t)) + t
    connect = message(0x10, text(b'MQTT') + b'\5\xce\0\x3c\x08\x21\0\x14\x26\0\1a\0\0' + text(b'id') + b'\2\1\1' + text(b'wt') + text(b'wm') +
                      text(b'u') + text(b'p'))
    old = message(0x10, text(b'MQIsdp') + b'\3\2\0\x3c' + text(b'id'))
    publish = message(0x32, text(b't') + b'\0\1\x05\x23\0\5\1\1' + b'payload')
    more = message(0x82, b'\0\2\0' + text(b'a') + b'\0' + text(b'b') + b'\1') + message(0xa2, b'\0\3\0' + text(b'a')) + b'\xc0\0'
    save('mqtt', 'five', pieces([(0, connect), (1, message(0x20, b'\0\0\3\x22\0\x0a')), (0, publish), (1, message(0x40, b'\0\1\x10\0')), (0, more),
                                 (1, message(0x90, b'\0\2\0\0\1') + message(0xb0, b'\0\3\0\x11')), (0, message(0xe0, b'\4\5\x11\0\0\0\7'))], 0))
    save('mqtt', 'three', pieces([(0, old), (1, b'\x20\2\0\0'), (0, message(0x34, text(b't') + b'\0\1x')), (1, message(0x50, b'\0\1')),
                                  (0, message(0x62, b'\0\1')), (1, message(0x70, b'\0\1')), (0, b'\x30\xff\xff\xff\x7f')], 0))



def http2():
    preface = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

    def frame(kind, flags, stream, body):
        return struct.pack('>I', len(body))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + body
    settings = frame(4, 0, 0, b'\0\3\0\0\0\x64\0\1\0\0\x20\0')
    ask = bytes.fromhex('828684418cf1e3c2e5f23a6ba0ab90f4ff')
    gzip = bytes.fromhex('885a839bd9ab0f0d0231310f109bd9ab')
    body = bytes.fromhex('1f8b08000000000002ffcb48cdc9c9070086a6103605000000')
    save('http2', 'exchange', pieces([(0, preface + settings), (1, settings + frame(4, 1, 0, b'')), (0, frame(1, 0x25, 1, b'\0\0\0\0\xff' + ask)),
                                      (1, frame(1, 4, 1, gzip) + frame(0, 9, 1, b'\2' + body + b'\0\0')), (0, frame(8, 0, 0, b'\0\0\1\0')),
                                      (1, frame(7, 0, 0, bytes(8)))], 2))
    save('http2', 'pieces', pieces([(0, preface + settings + frame(1, 0, 3, ask[:4])), (0, frame(9, 4, 3, ask[4:])), (0, frame(0, 1, 3, b'body')),
                                    (1, settings + frame(5, 4, 3, b'\0\0\0\2' + ask)), (1, frame(1, 5, 2, b'\x88')), (0, frame(3, 0, 3, b'\0\0\0\2'))], 2))
    kind = b'\x17application/dns-message'
    question, answer = bytes.fromhex('000001000001000000000000016101620000010001'), bytes.fromhex('000081800001000100000000016101620000010001c00c000100010000003c00040a000001')
    path = b'/d?dns=' + base64.urlsafe_b64encode(question).rstrip(b'=')
    save('http2', 'dns', pieces([(0, preface + settings + frame(1, 5, 1, b'\x82\x87\x04' + bytes([len(path)]) + path + b'\x0f\4' + kind)),
                                 (1, settings + frame(1, 4, 1, b'\x88\x0f\x10' + kind) + frame(0, 1, 1, answer)),
                                 (0, frame(1, 4, 3, b'\x83\x87\4\2/q\x0f\x10' + kind) + frame(0, 1, 3, question)), (0, frame(3, 0, 3, bytes(4)))], 2))



def quic():
    server = bytes.fromhex('cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a'
                           '1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c'
                           '276456cbc42158407dd074ee')
    client = bytes.fromhex('c300000001088394c8f03e5157080000449e') + bytes(range(200))
    chlo = b'CHLO\2\0\0\0SNI\0\x09\0\0\0UAID\x0d\0\0\0a.examplemoz!'
    google = b'\xc3Q046\x50' + bytes(8) + bytes(16) + b'\xa0\1' + struct.pack('>H', len(chlo)) + chlo
    save('quic', 'initial', datagrams([(0, client), (1, server)], 1))
    save('quic', 'google', datagrams([(0, google), (1, google)], 1))



def ldap():
    ask = bytes.fromhex('3030020102632b0404' '64633d780a01020a0100020100020100010100870b6f626a656374436c61737330070402636e04012a')
    answer = bytes.fromhex('301c0201026417040464633d78300f300d0402636e31070402616204' '0163' '300e02010265090a01040400' '04026d73')
    bind = bytes.fromhex('3016020101601102010304' '00a30a0406' + b'GSSAPI'.hex() + '0400')
    save('ldap', 'tcp', pieces([(0, bind + ask), (1, bytes.fromhex('300c02010161070a010004000400') + answer),
                                (0, bytes.fromhex('301d02010377188016312e332e362e312e342e312e313436362e3230303337')),
                                (1, bytes.fromhex('300c02010378070a010004000400'))], 0))
    save('ldap', 'udp', pieces([(0, ask), (1, answer)], 1))
    changes = bytes.fromhex('3028020104' '6623' '040464633d78' '301b' '3019' '0a0102' '3014' '0402636e' '310e' '0402' '6162' '0408' '3132333435363738')
    more = bytes.fromhex('300c0201054a0764633d782c' '636e' '3012020106' '6c0d' '040464633d78' '0402' '636e' '0101ff')
    save('ldap', 'changes', pieces([(0, changes + more)], 0))


def pgsql():
    def message(kind, body):
        return kind + struct.pack('>I', len(body) + 4) + body
    start = struct.pack('>II', 29, 3 << 16) + b'user\0u\0database\0d\0\0'
    start = struct.pack('>I', len(start)) + start[4:]
    on = message(b'R', bytes(4)) + message(b'S', b'TimeZone\0UTC\0') + message(b'K', bytes(8)) + message(b'Z', b'I')
    rows = message(b'T', b'\0\1') + message(b'D', b'\0\1\0\0\0\1x') + message(b'C', b'SELECT 1\0') + message(b'Z', b'I')
    save('pgsql', 'query', pieces([(0, struct.pack('>II', 8, 80877103)), (1, b'N'), (0, start), (1, message(b'R', b'\0\0\0\5salt')),
                                   (0, message(b'p', b'md5\0')), (1, on), (0, message(b'Q', b'SELECT 1\0')), (1, rows),
                                   (0, message(b'P', b'\0SELECT 2\0\0\0') + message(b'S', b'')), (1, message(b'1', b'') + rows)], 0))
    save('pgsql', 'copy', pieces([(0, start), (1, message(b'R', b'\0\0\0\x0aSCRAM\0\0')), (0, message(b'p', b'SCRAM\0\0\0\0\1x')),
                                  (1, message(b'R', b'\0\0\0\x0cv=') + on), (0, message(b'Q', b'COPY\0')), (1, message(b'G', b'\0\0\1\0\0')),
                                  (0, message(b'd', b'abc') + message(b'c', b'')), (1, message(b'E', b'C1\0Mno\0\0') + message(b'Z', b'I')),
                                  (1, message(b'A', bytes(4) + b'c\0p\0')), (0, message(b'X', b''))], 0))


def mysql():
    def packet(number, body):
        return struct.pack('<I', len(body))[:3] + bytes([number]) + body
    can = 0x0bbaa20d
    greeting = packet(0, b'\x0a8.0.36\0\1\0\0\0abcdefgh\0' + struct.pack('<H', can & 0xffff) + b'\xff\2\0' + struct.pack('<H', can >> 16) +
                      b'\x15' + bytes(10) + b'ijklmnopqrst\0caching_sha2_password\0')
    login = packet(1, struct.pack('<I', can) + b'\0\0\0\1\xff' + bytes(23) + b'joe\0\3abcshop\0native\0\x08\3_os\3win')
    ok, end, column = b'\0\0\0\2\0\0\0', b'\xfe\0\0\2\0\0\0', b'\3def\0\0\0\1a\0\x0c\x3f\0\1\0\0\0\x08\0\0\0\0\0'
    on = [(1, greeting), (0, login), (1, packet(2, b'\xfesha\0x')), (0, packet(3, b'x')), (1, packet(4, ok))]
    save('mysql', 'query', pieces(on + [
        (0, packet(0, b'\3\1\1\0\1\3\0\1n\5\0\0\0select 1')), (1, packet(1, b'\1\1') + packet(2, column) + packet(3, b'\1x\xfb') + packet(4, end)),
        (0, packet(0, b'\3load')), (1, packet(1, b'\xfb/etc/passwd')), (0, packet(2, b'root') + packet(3, b'')), (1, packet(4, ok)),
        (0, packet(0, b'\3x')), (1, packet(1, b'\xff\x28\4#42000no')), (0, packet(0, b'\1'))], 0))
    def packed(*packets):
        body = b''.join(packets)
        inside = zlib.compress(body)
        return struct.pack('<I', len(inside))[:3] + b'\0' + struct.pack('<I', len(body))[:3] + inside
    can |= 1 << 5
    save('mysql', 'packed', pieces([
        (1, greeting.replace(struct.pack('<H', 0xa20d), struct.pack('<H', 0xa22d), 1)),
        (0, login.replace(struct.pack('<I', 0x0bbaa20d), struct.pack('<I', can), 1)), (1, packet(2, ok)),
        (0, packed(packet(0, b'\3\0\1select 1'))), (1, packed(packet(1, b'\1\1'), packet(2, column)[:20])),
        (1, packed(packet(2, column)[20:], packet(3, b'\1x'), packet(4, end))), (0, b'\5\0\0\0\0\0\0' + packet(0, b'\1'))], 0))
    save('mysql', 'prepared', pieces(on + [
        (0, packet(0, b'\x16select ?')), (1, packet(1, b'\0\7\0\0\0\1\0\1\0\0\0\0\1') + packet(2, column) * 2),
        (0, packet(0, b'\x17\7\0\0\0\1\1\0\0\0')), (1, packet(1, b'\1\1') + packet(2, column) + packet(3, b'\xfe\0\0\x42\0')),
        (0, packet(0, b'\x1c\7\0\0\0\1\0\0\0')), (1, packet(1, b'\0\0\1x') + packet(2, b'\xfe\0\0\2\0')), (0, packet(0, b'\x19\7\0\0\0')),
        (0, packet(0, b'\x11eve\0\1xshop\0')), (1, packet(1, b'\xff\x15\4#28000no')), (0, packet(0, b'\4t\0')), (1, packet(1, column) + packet(2, end))], 0))


def dnp3():
    def checked(data):
        crc = 0
        for b in data:
            crc ^= b
            for _ in range(8):
                crc = crc >> 1 ^ (0xa6bc if crc & 1 else 0)
        return data + struct.pack('<H', ~crc & 0xffff)

    def frame(control, user):
        out = checked(bytes([5, 0x64, 5 + len(user), control, 4, 0, 3, 0]))
        return out + b''.join(checked(user[at:at + 16]) for at in range(0, len(user), 16))
    save('dnp3', 'time', pieces([(0, frame(0xc4, bytes.fromhex('c0c10232010701010000000000'))), (1, frame(0x44, bytes.fromhex('c0c1819000')))], 0))
    save('dnp3', 'points', pieces([(1, frame(0x44, bytes.fromhex('41c1810000010100020405' '1e021702' '0701ff'))), (1, frame(0x44, bytes.fromhex('82ff09010100'))),
                                   (0, frame(0xc4, bytes.fromhex('c0ce1946035b0124001a000a00000000000000000000000000000000000100000004' '04002e2f746573742e786d6c')))], 0))



def websocket():
    ask = b'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n'
    answer = b'HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n'
    frames = bytes.fromhex('010348656c' '890170' '80026c6f' 'c107f248cdc9c90700' 'c105f200110000')
    save('websocket', 'frames', pieces([(0, ask), (1, answer), (0, bytes.fromhex('818537fa213d7f9f4d5158' '827e0100') + bytes(256)), (1, frames)], 2))


if __name__ == '__main__':
    tls()
    dns()
    ranges()
    tnef()
    packed()
    dhcp()
    dcerpc()
    smb()
    mqtt()
    http2()
    quic()
    ldap()
    pgsql()
    mysql()
    dnp3()
    websocket()
    host()
