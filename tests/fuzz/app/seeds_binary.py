#!/usr/bin/python3
"""Writes seeds for the targets of fuzz_proto.c, as seeds.py does: industrial protocols, remote procedure calls, keys.

usage: seeds_binary.py [FOLDER]      default: corpus/ beside this file
"""
import struct

from seeds import datagrams, pieces, save

CLIENT, SERVER = 0, 1


def modbus():
    def message(number, text):
        body = bytes.fromhex(text)
        return number.to_bytes(2, 'big') + b'\0\0' + len(body).to_bytes(2, 'big') + body
    asked = ['0a0100000009', '0a050010ff00', '0a100001000102636 4'.replace(' ', ''), '0a0800040000', '0a2b0e0100',
             '0a16000100f20025', '0a1700030002000e000102 6162'.replace(' ', ''), '0a64']
    told = ['0a01024142', '0a050010ff00', '0a1000010001', '0a8801', '0a2b0e01', '0a16000100f20025', '0a17040001 0002'.replace(' ', ''),
            '0a64']
    save('modbus', 'functions', pieces([p for n, (a, b) in enumerate(zip(asked, told))
                                        for p in ((CLIENT, message(n, a)), (SERVER, message(n, b)))], 0))
    save('modbus', 'hole', pieces([(CLIENT, message(1, asked[0]))], 0) + b'\x05\x10' +
         pieces([(CLIENT, message(2, asked[0]))], 0)[1:])


def enip():
    def message(command, session, text):
        data = bytes.fromhex(text)
        return struct.pack('<HHII', command, len(data), session, 0) + bytes(12) + data

    def connected(sequence, text):
        cip = bytes.fromhex(text)
        return ('0000000001000200a100040011223344b100' + struct.pack('<HH', len(cip) + 2, sequence).hex() + text)
    parts = [(CLIENT, message(0x65, 0, '01000000')), (SERVER, message(0x65, 7, '01000000')),
             (CLIENT, message(0x70, 7, connected(5, '0302208b240101000600'))),
             (SERVER, message(0x70, 7, connected(5, '830000000100060000000100'))),
             (CLIENT, message(0x70, 7, connected(6, '0a02200224010200060010000302208b2401010006000103210142003005'))),
             (SERVER, message(0x70, 7, connected(6, '8a000000020006000a0083000000810001010001')))]
    save('enip', 'connected', pieces(parts, 0))
    listed = [(CLIENT, message(0x63, 0, '')),
              (SERVER, message(0x63, 0, '01000c00250001000002af12c000020100000000000000000100'
                                        '0c003a0004033000785634120341424 3ff'.replace(' ', ''))),
              (CLIENT, message(4, 0, '')), (SERVER, message(4, 0, '01000001140001002001' + b'Communications'.hex() + '0000'))]
    save('enip', 'lists', datagrams(listed, 1))


def bittorrent_dht():
    id20 = b'2:id20:abcdefghij0123456789'
    asked = b'd1:ad' + id20 + b'9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token4:aoeue1:q13:announce_peer1:t2:aa1:y1:qe'
    told = b'd1:rd' + id20 + b'5:nodes26:mnopqrstuvwxyz123456axje.u5:token4:aoeu6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re'
    save('bittorrent_dht', 'peers', datagrams([(CLIENT, asked), (SERVER, told), (SERVER, b'd1:eli201e6:a worde1:t2:aa1:y1:ee')], 1))


def ike():
    def message(head, payloads):
        body = bytes.fromhex(payloads)
        return bytes.fromhex(head) + bytes(4) + struct.pack('>I', len(body) + 28) + body
    asks, knows = 'e47a591fd057587f' + 16 * '0', 'e47a591fd057587fa00b8ef0902bb8ec'
    sa1 = ('0000000100000001000000300101000100000028010100008001 0007800e00808002000280040002800300018 00b0001000c000400015180')
    sa1 = sa1.replace(' ', '')
    choice = '030000080100000c03000008020000050300000803 00000c0000000804 00000e'.replace(' ', '')
    save('ike', 'v1', datagrams([(CLIENT, message(asks + '01100200', '0d00003c' + sa1 + '0000000801020304')),
                                 (SERVER, message(knows + '01100200', '0000003c' + sa1)),
                                 (CLIENT, message(knows + '04100200', '0a00000641420000000743 4445'.replace(' ', '')))], 1))
    save('ike', 'v2', datagrams([(CLIENT, message(asks + '21202208', '2900002c0000002801010004' + choice + '0000000800004004')),
                                 (SERVER, message(knows + '21202220', '2900002c0000002801010004' + choice + '000000080000000e'))], 1))


def nfs():
    def word(*numbers):
        return b''.join(struct.pack('>I', n) for n in numbers)

    def text(data):
        return word(len(data)) + data + bytes(-len(data) % 4)

    def call(xid, version, procedure, arguments):
        return word(xid, 0, 2, 100003, version, procedure, 1, 24, 1) + text(b'pc') + word(1000, 100, 0, 0, 0) + arguments

    def reply(xid, results):
        return word(xid, 1, 0, 0, 0, 0) + results

    def records(parts):
        return pieces([(d, struct.pack('>I', len(m) | 1 << 31) + m) for d, m in parts], 0)
    handle = text(b'\1\2\3\4')
    listed = word(0, 0) + bytes(8) + word(1) + bytes(8) + text(b'one') + bytes(8) + word(0, 1) + handle + word(0, 1)
    save('nfs', 'v3', records([(CLIENT, call(1, 3, 17, handle + bytes(24))), (SERVER, reply(1, listed)),
                               (CLIENT, call(2, 3, 6, handle + bytes(8) + word(5))),
                               (SERVER, reply(2, word(0, 0, 5, 1) + text(b'abcde'))),
                               (CLIENT, call(3, 3, 14, handle + text(b'a') + handle + text(b'bb'))), (SERVER, reply(3, word(13, 0, 0))),
                               (CLIENT, call(4, 3, 7, handle + bytes(8) + word(5, 0) + text(b'hello'))),
                               (CLIENT, call(5, 3, 21, handle + bytes(12)))]))
    opened = word(18, 0, 2, 0) + bytes(8) + text(b'a') + word(1, 0, 1, 0, 0, 0) + text(b'new')
    save('nfs', 'v4', records([(CLIENT, call(1, 4, 1, word(0, 0, 4, 22) + handle + word(32) + opened + word(10))),
                               (SERVER, reply(1, word(0, 0, 4, 22, 0, 32, 0, 18, 0) + bytes(48) + word(10, 0) + handle)),
                               (CLIENT, call(2, 4, 1, word(0, 0, 2, 22) + handle + word(38) + bytes(24) + word(0) + text(b'abc'))),
                               (CLIENT, call(3, 4, 1, word(0, 0, 2, 22) + handle + word(4, 1) + bytes(16))),
                               (CLIENT, call(4, 4, 1, word(0, 0, 2, 22) + handle + word(28) + text(b'new')))]))
    whole = call(1, 3, 3, handle + text(b'a'))
    parts = [whole[at:at + 40] for at in range(0, len(whole), 40)]
    cut = b''.join(struct.pack('>I', len(one) | (i + 1 == len(parts)) << 31) + one for i, one in enumerate(parts))
    save('nfs', 'fragments', pieces([(CLIENT, cut), (SERVER, struct.pack('>I', 1 << 31 | 24) + reply(1, b''))], 0))
    save('nfs', 'v2', datagrams([(CLIENT, call(1, 2, 6, bytes(32) + word(0, 1024, 0))),
                                 (SERVER, reply(1, bytes(24) + word(4) + bytes(44) + text(b'abcd')))], 1))


def rdp():
    def tpkt(data):
        return struct.pack('>BBH', 3, 0, len(data) + 4) + data
    name = b'Cookie: mstshash=joe\r\n' + bytes.fromhex('0100080003000000')
    asked = bytes([6 + len(name)]) + bytes.fromhex('e00000000000') + name
    told = bytes.fromhex('0ed000001234000209080001000000')
    core = struct.pack('<IHHHHII', 0x80004, 1024, 768, 0xca01, 0xaa03, 0x409, 2600) + 'PC1'.encode('utf-16le').ljust(32, b'\0')
    core += struct.pack('<III', 4, 0, 12) + bytes(64) + struct.pack('<HHIHHH', 0xca01, 1, 0, 16, 7, 1) + bytes(100)
    net = struct.pack('<I', 1) + b'rdpdr\0\0\0' + bytes(4)
    user = bytes.fromhex('000500147c00018100000800100001c00044756361') + struct.pack('>H', 0x8000 | len(core) + len(net) + 8)
    user += struct.pack('<HH', 0xc001, len(core) + 4) + core + struct.pack('<HH', 0xc003, len(net) + 4) + net
    body = bytes.fromhex('0401010401010101ff300102300102300102') + b'\x04\x82' + struct.pack('>H', len(user)) + user
    connect = bytes.fromhex('02f0807f6582') + struct.pack('>H', len(body)) + body
    save('rdp', 'plain', pieces([(CLIENT, tpkt(asked)), (SERVER, tpkt(told)), (CLIENT, tpkt(connect)),
                                 (SERVER, tpkt(bytes.fromhex('02f0807f6603000000')))], 0))
    save('rdp', 'tls', pieces([(CLIENT, tpkt(asked)), (SERVER, tpkt(told)), (CLIENT, bytes.fromhex('16030100050100000100')),
                               (SERVER, bytes.fromhex('160301000e0b00000a000007000004' + '30020100'))], 0))


def service():
    def pieces_of(first, *parts):
        return bytes([first]) + b''.join(bytes([way | len(b)]) + b for way, b in parts)
    to, back, udp = 0, 0x80, 0x80
    save('service', 'socks5', pieces_of(5, (to, b'\5\1\2'), (back, b'\5\2'), (to, b'\1\1a\1b'), (to, b'\5\1\0\3\1a\0\x50')))
    save('service', 'socks4', pieces_of(5, (to, b'\4\1\0\x50\0\0\0\1u\0'), (to, b'a.b\0'), (back, b'\0\x5a' + bytes(6))))
    save('service', 'mysql', pieces_of(11, (back, b'\x40\0\0\0\x0a5.7.1\0' + bytes(30))))
    save('service', 'text', pieces_of(17, (to, b'*1\r\n$4\r\nPING\r\n'), (back, b':s NOTICE a'), (to, b'{"method":"login","agent"'), (to, b'<stream:stream')))
    save('service', 'log', pieces_of(24 | udp, (to, b'<34>1 2003-08'), (to, b'<34>Oct 11'), (to, b'4 <34>1 a')))
    save('service', 'vpn', pieces_of(24 | udp, (to, b'\x3812345678\0\0\0\0\0'), (to, b'\1\0\0\0' + bytes(70)), (to, b'\0\1\0\0\x21\x12\xa4\x42' + bytes(12))))
    save('service', 'media', pieces_of(24 | udp, (to, b'\x80\x08\0\1' + bytes(10)), (to, b'\x80\x08\0\2' + bytes(10)), (back, b'\x80\xc8\0\1' + bytes(6))))
    save('service', 'names', pieces_of(2 | udp, (to, b'\1\2\1\x10\0\1\0\0\0\0\0\0\x20' + b'CK' * 16 + b'\0\0\x21\0\1')))


def proxy():
    """Of fuzz_tcp.h."""
    def steps(*parts):
        return b''.join(struct.pack('<BH', way, len(b)) + b for way, b in parts) + b'\x44\0\0\x45\0\0'
    ask, answer = b'GET /a HTTP/1.1\r\nHost: b\r\n\r\n', b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'
    save('proxy', 'socks4', steps((0, b'\4\1\0\x50\0\0\0\1u\0a.b\0'), (1, b'\0\x5a' + bytes(6)), (0, ask), (1, answer)))
    save('proxy', 'socks5', steps((0, b'\5\1\2'), (1, b'\5\2'), (0, b'\1\1a\1b'), (1, b'\1\0'), (0, b'\5\1\0\3\1a\0\x50'),
                                  (1, b'\5\0\0\1' + bytes(6)), (0, ask), (1, answer)))
    save('proxy', 'once', steps((0, b'\5\1\0\5\1\0\1\1\2\3\4\0\x50' + ask), (1, b'\5\0\5\0\0\1' + bytes(6) + answer)))


def sctp():
    """Of fuzz_sctp.c."""
    def chunk(kind, body):
        return bytes([kind, 3]) + struct.pack('>H', len(body) + 4) + body + bytes(-len(body) % 4)

    def data(tsn, text):
        return chunk(0, struct.pack('>IHHI', tsn, 0, 0, 0) + text)

    def packets(*parts):
        return b''.join(bytes([what, len(b) // 4]) + b for what, b in parts)
    ask, answer = b'GET /a HTTP/1.1\r\nHost: b\r\n\r\n', b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'
    save('sctp', 'begun', packets((0, chunk(1, struct.pack('>IIII', 1, 9, 9, 5))), (0xc0, chunk(2, struct.pack('>IIII', 1, 9, 9, 7))),
                                  (0x40, data(5, ask)), (0xc0, data(7, answer) + chunk(7, bytes(4)))))
    save('sctp', 'early', packets((0, data(2, ask[9:]) + data(1, ask[:9])), (0, data(3, ask)), (0x80, data(1, answer)),
                                  (0x80, data(3, answer)), (0x80, chunk(192, struct.pack('>I', 4)))))


def main():
    service()
    sctp()
    proxy()
    rdp()
    nfs()
    ike()
    bittorrent_dht()
    modbus()
    enip()


if __name__ == '__main__':
    main()
