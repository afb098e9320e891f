#!/usr/bin/python3
"""Writes seeds for the targets of fuzz_proto.c, as seeds.py does: sessions, file transfer, mail boxes, telephony.

usage: seeds_text.py [FOLDER]      default: corpus/ beside this file
"""
import struct

from seeds import pieces, save

CLIENT, SERVER = 0, 1


def ssh():
    def packet(message):
        return struct.pack('>IB', len(message) + 5, 4) + message + bytes(4)
    lists = [b'curve25519-sha256', b'ssh-ed25519', b'aes256-ctr', b'aes128-ctr', b'hmac-sha2-256', b'hmac-sha1',
             b'none', b'zlib', b'', b'']
    kex = packet(b'\x14' + bytes(16) + b''.join(struct.pack('>I', len(n)) + n for n in lists) + bytes(5))
    newkeys = packet(b'\x15')
    save('ssh', 'session', pieces([(CLIENT, b'SSH-2.0-Client_1 comment\r\n' + kex), (SERVER, b'hello\r\nSSH-1.99-Server\r\n'),
                                   (SERVER, kex), (CLIENT, packet(b'\x1e' + bytes(32)) + newkeys), (SERVER, newkeys),
                                   (CLIENT, bytes(64))]))
    save('ssh', 'odd', pieces([(SERVER, b'SSH-1.5-x\n'), (CLIENT, b'SSH-2.0-' + b'y' * 300 + b'\n' + kex[:60])]))


def main():
    ssh()


if __name__ == '__main__':
    main()
