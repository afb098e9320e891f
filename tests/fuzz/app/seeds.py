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


tls()
dns()
