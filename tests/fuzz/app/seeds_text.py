#!/usr/bin/python3
"""Writes seeds for the targets of fuzz_proto.c, as seeds.py does: sessions, file transfer, mail boxes, telephony.

usage: seeds_text.py [FOLDER]      default: corpus/ beside this file
"""
import gzip
import struct
import subprocess
import zlib

from seeds import datagrams, pieces, save

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


def ftp():
    save('ftp', 'session', pieces([
        (SERVER, b'220-A\r\n220 FTP server\r\n'), (CLIENT, b'USER a\r\n'), (SERVER, b'331 x\r\n'),
        (CLIENT, b'PASV\r\n'), (SERVER, b'227 Entering (10,0,0,1,4,1)\r\n'), (CLIENT, b'RETR f\r\n'),
        (SERVER, b'150 a\r\n226 b\r\n'), (CLIENT, b'EPRT |1|10.0.0.1|1026|\r\nSTOR g\r\n'),
        (SERVER, b'200 c\r\n'), (CLIENT, b'STOU h\r\nEPSV\r\n'), (SERVER, b'229 Entering (|||1027|)\r\n'),
        (CLIENT, b'AUTH TLS\r\n'), (SERVER, b'234 d\r\n')]))
    save('ftp', 'pipelined', pieces([(CLIENT, b'USER a\r\n' * 30 + b'PORT 10,0,0,2,4,1\r\n'), (SERVER, b'2xx\r\n' + b'200 ok\r\n' * 40)]))


def ftp_data():
    save('ftp_data', 'upload', pieces([(CLIENT, b'some bytes'), (SERVER, b'x'), (CLIENT, b'more')], 0x42))
    save('ftp_data', 'download', pieces([(SERVER, b'some bytes'), (SERVER, b'x')], 0x22))


def sip():
    invite = (b'INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nf: <sip:a@example.com>\r\n folded\r\nTo: b\r\n'
              b'c: application/sdp\r\nContent-Length: %d\r\n\r\n')
    sdp = (b'v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\ni=y\r\nu=z\r\ne=e\r\np=1\r\nc=IN IP4 10.0.0.1\r\nb=AS:64\r\nt=0 0\r\nr=1 2 3\r\n'
           b'z=0 0\r\nk=prompt\r\na=sendrecv\r\nm=audio 1 RTP/AVP 0\r\ni=m\r\nc=IN IP4 1.1.1.1\r\na=x\r\nm=video 2 RTP/AVP 1\r\nk=k\r\n')
    invite = invite % len(sdp) + sdp
    ok = b'SIP/2.0 200 OK\r\nl: 0\r\n\r\n'
    save('sip', 'tcp', pieces([(CLIENT, invite + b'\r\n\r\n' + invite), (SERVER, ok + ok)]))
    save('sip', 'udp', datagrams([(CLIENT, invite), (SERVER, ok), (CLIENT, b'REGISTER sip:a SIP/2.0\r\nl: 99\r\n\r\n')], 1))


def redis():
    def command(*words):
        return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in words)
    save('redis', 'session', pieces([
        (CLIENT, command(b'AUTH', b'u', b'p')), (SERVER, b'-WRONGPASS x\r\n'), (CLIENT, command(b'HELLO', b'3') + b'get "a b"\r\n'),
        (SERVER, b'%1\r\n$6\r\nserver\r\n*2\r\n:1\r\n_\r\n$-1\r\n'), (CLIENT, command(b'SET', b'k', b'v' * 300)), (SERVER, b'+OK\r\n'),
        (CLIENT, command(b'SUBSCRIBE', b'a', b'b')), (SERVER, b'*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n' * 2),
        (SERVER, b'>3\r\n+subscribe\r\n+a\r\n:1\r\n' * 2 + b'|1\r\n+k\r\n,1.5\r\n#t\r\n'), (CLIENT, command(b'PSYNC', b'?', b'-1')),
        (SERVER, b'+FULLRESYNC x 1\r\n$9\r\nREDIS0009')]))


def irc():
    save('irc', 'session', pieces([
        (CLIENT, b'CAP LS 302\r\nNICK joe\r\nUSER joe 0 * :Joe\r\n'), (SERVER, b':h 001 joe :Welcome\r\n@a=b;c :h 433 * joe :in use\r\n'),
        (CLIENT, b'JOIN #a key\r\nPRIVMSG #a :\1DCC SEND "a b.exe" 3232235777 4000 100\1\r\nPASS x\r\n'),
        (SERVER, b':joe!u@h NICK :jane\r\n:x!y@z PRIVMSG jane :\1DCC CHAT chat ::1 99\1\r\nPING :x\r\n'), (CLIENT, b'STARTTLS\r\n'),
        (SERVER, b':h 670 jane :go on\r\n')]))


MAIL = (b'From: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n'
        b'Content-Disposition: attachment; filename="x.txt"\r\n\r\n..dots\r\nand\r\n--b--\r\n')


def pop3():
    save('pop3', 'session', pieces([
        (SERVER, b'+OK ready\r\n'), (CLIENT, b'CAPA\r\nUSER a\r\n'), (SERVER, b'+OK\r\nTOP\r\n..x\r\n.\r\n+OK\r\n'),
        (CLIENT, b'PASS a b\r\nRETR 1\r\nLIST\r\nAUTH X\r\n'), (SERVER, b'-ERR x\r\n+OK\r\n' + MAIL + b'.\r\n+OK\r\n1 2\r\n.\r\n+ \r\n'),
        (CLIENT, b'c2VjcmV0\r\n'), (SERVER, b'+OK\r\n'), (CLIENT, b'STLS\r\n'), (SERVER, b'+OK\r\n')]))


def imap():
    save('imap', 'session', pieces([
        (SERVER, b'* OK ready\r\n'), (CLIENT, b'a1 login a {2}\r\n'), (SERVER, b'+ go\r\n'), (CLIENT, b'bb\r\na2 FETCH 1 BODY[]\r\n'),
        (SERVER, b'a1 OK x\r\n* 1 FETCH (BODY[] {%d}\r\n' % len(MAIL) + MAIL + b' UID 5)\r\n* 2 FETCH (BODY[HEADER] {2}\r\nab)\r\na2 OK\r\n'),
        (CLIENT, b'a3 APPEND x {%d+}\r\n' % len(MAIL) + MAIL + b'\r\na4 STARTTLS\r\n'), (SERVER, b'a3 NO\r\na4 OK\r\n')]))
    save('imap', 'parts', pieces([
        (SERVER, b'* OK ready\r\n'), (CLIENT, b'a FETCH 7 (BODY[]<0.40> BODY[2] BODY[2.MIME] BINARY[2])\r\n'),
        (SERVER, b'* 7 FETCH (BODY[]<0> {40}\r\n' + MAIL[:40] + b')\r\n* 7 FETCH (BODY[]<40> {%d}\r\n' % len(MAIL[40:]) + MAIL[40:] + b')\r\n'
         b'* 8 FETCH (BODY[2] {80}\r\n' + b'YWJj' * 20 + b' BODY[3.MIME] {29}\r\nContent-Type: a/b; name=f\r\n\r\n BINARY[3] ~{2}\r\nab)\r\na OK\r\n')]))
    packer = [zlib.compressobj(wbits=-15) for _ in range(2)]

    def packed(who, text):
        return packer[who == SERVER].compress(text) + packer[who == SERVER].flush(zlib.Z_SYNC_FLUSH)
    save('imap', 'packed', pieces([
        (SERVER, b'* OK ready\r\n'), (CLIENT, b'a COMPRESS DEFLATE\r\n'), (SERVER, b'a OK on\r\n' + packed(SERVER, b'* OK more\r\n')),
        (CLIENT, packed(CLIENT, b'b FETCH 1 BODY[]\r\n')),
        (SERVER, packed(SERVER, b'* 1 FETCH (BODY[] {%d}\r\n' % len(MAIL) + MAIL + b' UID 5)\r\nb OK\r\n'))]))


def small():
    h = bytes.fromhex
    ntp = h('230006ec') + bytes(36) + h('e000000012345678')
    save('ntp', 'udp', datagrams([(CLIENT, ntp), (SERVER, h('240206ec000000100000002044434c4c') + bytes(8) + h('e000000012345678') * 3)], 1))
    save('tftp', 'udp', datagrams([(CLIENT, b'\0\1a.txt\0octet\0'), (CLIENT, b'\0\2b\0NETASCII\0'), (SERVER, b'\0\3\0\1')], 1))
    save('tftp', 'transfer', datagrams([(CLIENT, b'\0\1a.txt\0octet\0blksize\0008\0'), (SERVER, b'\0\6blksize\0008\0'),
                                       (SERVER, b'\0\3\0\1abcdefgh'), (CLIENT, b'\0\4\0\1'), (SERVER, b'\0\3\0\2end')], 1))
    get = h('302b02010104067075626c6963a01e0201010201000201003013301106' '0d2b0601040194780102030484010500')
    v3 = h('303a020103300e020101020300ffe3040103020103041530130405800000000102010002010004026162040004000410' + '00' * 16)
    trap = h('30290201000401' '61a42106062b06010401094004c0000201020102020100430101300830060602' '2b060500')
    save('snmp', 'udp', datagrams([(CLIENT, get), (SERVER, v3), (CLIENT, trap)], 1))
    init = h('0320025820180001' '00ff00ff00ff100800000000000000046465736b')
    save('rfb', 'vnc', pieces([(SERVER, b'RFB 003.008\n'), (CLIENT, b'RFB 003.008\n'), (SERVER, b'\2\1\2'), (CLIENT, b'\2'), (SERVER, bytes(16)),
                               (CLIENT, bytes(16)), (SERVER, bytes(4)), (CLIENT, b'\1'), (SERVER, init)]))
    save('rfb', 'old', pieces([(SERVER, b'RFB 003.003\n'), (CLIENT, b'RFB 003.003\n'), (SERVER, b'\0\0\0\1'), (CLIENT, b'\0'), (SERVER, init)]))
    save('telnet', 'session', pieces([(SERVER, b'\xff\xfd\x18\xff\xfb\1login: '), (CLIENT, b'\xff\xfa\x18\0vt\xff\xf0me\r\0ls\r\n')]))


def krb5():
    def el(tag, *parts):
        body = b''.join(parts)
        return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])) + body

    def name(*parts):
        return el(0x30, el(0xa0, b'\2\1\1'), el(0xa1, el(0x30, *(el(0x1b, p) for p in parts))))
    realm, secret = el(0x1b, b'EX.LOCAL'), el(0x30, el(0xa0, b'\2\1\x17'), el(0xa2, b'\4\2xx'))
    request = el(0x6a, el(0x30, el(0xa1, b'\2\1\5'), el(0xa2, b'\2\1\x0a'), el(0xa4, el(0x30, el(0xa1, name(b'joe')), el(0xa2, realm), el(0xa3, name(b'a', b'b'))))))
    ticket = el(0x61, el(0x30, el(0xa0, b'\2\1\5'), el(0xa1, realm), el(0xa2, name(b'a', b'b')), el(0xa3, secret)))
    reply = el(0x6b, el(0x30, el(0xa0, b'\2\1\5'), el(0xa1, b'\2\1\x0b'), el(0xa3, realm), el(0xa4, name(b'joe')), el(0xa5, ticket), el(0xa6, secret)))
    error = el(0x7e, el(0x30, el(0xa0, b'\2\1\5'), el(0xa1, b'\2\1\x1e'), el(0xa6, b'\2\1\x19'), el(0xa9, realm), el(0xaa, name(b'a'))))
    save('krb5', 'udp', datagrams([(CLIENT, request), (SERVER, error), (SERVER, reply)], 1))
    save('krb5', 'tcp', pieces([(CLIENT, struct.pack('>I', len(request)) + request), (SERVER, struct.pack('>I', len(reply)) + reply)]))


def syslog():
    ietf = b'<165>1 2003-10-11T22:14:15.003Z host.example app 71 ID47 [ex@32473 iut="3" a="q\\"\\]"][x@1] \xef\xbb\xbfAn event'
    bsd = b"<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed"
    router = b'<189>123: *Mar  1 18:46:11.000 UTC: %SYS-5-CONFIG_I: Configured'
    save('syslog', 'udp', datagrams([(CLIENT, m) for m in (ietf, bsd, router, b'<13>1 - - - - - [a', b'<999>x', b'text')], 15))
    save('syslog', 'lines', pieces([(CLIENT, bsd + b'\n' + ietf + b'\n'), (CLIENT, router[:30]), (CLIENT, router[30:] + b'\0no\n')], 14))
    counted = b''.join(b'%d %s' % (len(m), m) for m in (bsd, ietf, router))
    hole = bytes([5, 9])
    save('syslog', 'counted', pieces([(CLIENT, counted), (CLIENT, b'9999999 <13>a\n')], 14)[:-4] + hole + pieces([(CLIENT, counted)])[1:])
    save('syslog', 'torn', pieces([(CLIENT, b'70 ' + bsd)], 14)[:-4] + hole + hole + pieces([(CLIENT, b'er ' + counted)])[1:])


def contents():
    """The same text in each coding that Debian's Python has; the first byte chooses it (enum content_coding)."""
    text = b'the body of a response ' * 40
    bare = zlib.compressobj(9, zlib.DEFLATED, -15)
    coded = {1: gzip.compress(text, mtime=0), 2: zlib.compress(text), 3: bare.compress(text) + bare.flush(zlib.Z_SYNC_FLUSH),
             4: bytes.fromhex('0b028068656c6c6f03'),
             5: subprocess.run(['zstd', '-c', '--no-check'], input=text, check=True, capture_output=True).stdout}
    for coding, data in coded.items():
        save('content', str(coding), bytes([coding, 63]) + data)


def main():
    contents()
    krb5()
    small()
    imap()
    pop3()
    redis()
    irc()
    sip()
    ftp_data()
    ssh()
    ftp()
    syslog()


if __name__ == '__main__':
    main()
