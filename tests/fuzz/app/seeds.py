#!/usr/bin/python3
"""Writes seeds for the targets of fuzz_proto.c: corpus/NAME/*.

usage: seeds.py [FOLDER]      default: corpus/ beside this file
Handshakes are made by two ends of the ssl module that talk through memory; DNS messages by hand.
"""
import os
import ssl
import struct
import subprocess
import sys
import tempfile

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


def dcerpc():
    save('dcerpc', 'call', pieces([(0, RPC_BIND), (1, RPC_ACK), (0, RPC_CALL[0]), (0, RPC_CALL[1]), (1, RPC_REPLY)], 0))
    save('dcerpc', 'fault', pieces([(0, RPC_BIND), (1, RPC_ACK), (0, RPC_CALL[1]), (1, pdu(3, 3, 2, bytes(16)))], 0))
    head = bytes([4, 0, 0x20, 0, 0x10, 0, 0, 0]) + bytes(16) + RPC_UUID + bytes(range(16))
    head += struct.pack('<IIIHHHHHBB', 0, 3, 5, 15, 0xffff, 0xffff, 4, 0, 0, 0)
    answer = head[:1] + b'\2' + head[2:]
    save('dcerpc', 'udp', pieces([(0, head + b'ABCD'), (1, answer + b'ABCD')], 1))


def tlv(tag, *parts):
    body = b''.join(parts)
    return bytes([tag, len(body)]) + body


def host():
    """Inputs of fuzz_host.c: a byte that says what follows, then the packet."""
    encoded = b'\x20' + b''.join(bytes([65 + (c >> 4), 65 + (c & 15)]) for c in b'PC1'.ljust(15) + b'\0') + b'\0'
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


tls()
dns()
dhcp()
dcerpc()
host()
