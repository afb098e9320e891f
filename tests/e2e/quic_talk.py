"""QUIC for the tests: packets of versions 1 and 2 up to the hellos, protected as RFC 9001 and RFC 9369 have it."""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from scapy.all import UDP, Raw

from packets import CLIENT, SERVER, Clock, ends

V1, V2 = 1, 0x6b3343cf
SALT = {V1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
        V2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")}
INITIAL, ZERO_RTT, HANDSHAKE, RETRY = range(4)
PREFIX = {V1: b"quic ", V2: b"quicv2 "}


def variable(n):
    """RFC 9000, 16"""
    for size, (limit, top) in enumerate(((1 << 6, 0), (1 << 14, 1), (1 << 30, 2), (1 << 62, 3))):
        if n < limit:
            return (n | top << (8 * (1 << size) - 2)).to_bytes(1 << size, "big")
    raise ValueError(n)


def expand(secret, label, size):
    label = b"tls13 " + label
    info = struct.pack("!HB", size, len(label)) + label + b"\0\x01"
    return hmac.new(secret, info, hashlib.sha256).digest()[:size]


def crypto(data, at=0):
    """A CRYPTO frame."""
    return b"\x06" + variable(at) + variable(len(data)) + data


PING, ACK = b"\x01", b"\x02\x00\x00\x00\x00"


class Side:
    """Makes the packets of one end. dcid: the client's first, of which the keys are made."""

    def __init__(self, dcid, label, to, own, version=V1):
        self.keys_of, self.label, self.to, self.own, self.version = dcid, label, to, own, version
        self.number = 0

    def header(self, kind):
        kind = (kind + 1) % 4 if self.version == V2 else kind
        ids = bytes([len(self.to)]) + self.to + bytes([len(self.own)]) + self.own
        return bytes([0xc0 | kind << 4]) + struct.pack("!I", self.version) + ids

    def initial(self, frames, size=0, token=b""):
        """size: of the packet, made up by PADDING."""
        head = self.header(INITIAL) + variable(len(token)) + token
        frames += b"\0" * max(0, size - len(head) - 2 - 4 - 16 - len(frames))
        head += struct.pack("!H", 0x4000 | 4 + len(frames) + 16)
        head = bytes([head[0] | 3]) + head[1:]
        number = struct.pack("!I", self.number)
        self.number += 1
        initial = hmac.new(SALT[self.version], self.keys_of, hashlib.sha256).digest()
        secret, prefix = expand(initial, self.label, 32), PREFIX[self.version]
        key, iv, hp = (expand(secret, prefix + what, n) for what, n in ((b"key", 16), (b"iv", 12), (b"hp", 16)))
        nonce = (int.from_bytes(iv, "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
        text = AESGCM(key).encrypt(nonce, frames, head + number)
        ecb = Cipher(algorithms.AES(hp), modes.ECB()).encryptor()
        mask = ecb.update(text[:16])
        number = bytes(a ^ b for a, b in zip(number, mask[1:5]))
        return bytes([head[0] ^ mask[0] & 15]) + head[1:] + number + text

    def other(self, kind, size):
        """A packet whose keys nobody but the ends has."""
        body = hashlib.sha512(b"%d" % size).digest() * (size // 64 + 1)
        return self.header(kind) + struct.pack("!H", 0x4000 | size) + body[:size]

    def retry(self, token):
        return self.header(RETRY) + token + b"t" * 16

    def negotiation(self, versions):
        ids = bytes([len(self.to)]) + self.to + bytes([len(self.own)]) + self.own
        return b"\xc0\0\0\0\0" + ids + b"".join(struct.pack("!I", v) for v in versions)


def pair(dcid=b"\x83\x94\xc8\xf0\x3eQW\x08", client=b"clientid", server=b"serverid", version=V1):
    return (Side(dcid, b"client in", dcid, client, version),
            Side(dcid, b"server in", client, server, version))


def datagrams(turns, clock=None, client=CLIENT, server=SERVER, sport=50000, dport=443):
    """turns: [("c" or "s", bytes), …], a datagram each."""
    clock, out = clock or Clock(), []
    for who, data in turns:
        src, dst, sp, dp = (client, server, sport, dport) if who == "c" else (server, client, dport, sport)
        out.append(clock.stamp(ends(src, dst) / UDP(sport=sp, dport=dp) / Raw(data)))
    return out


def in_pieces(message, sizes):
    """CRYPTO frames of the message, cut at those sizes; the last takes the rest."""
    out, at = [], 0
    for size in [*sizes, len(message)]:
        if at < len(message):
            out.append(crypto(message[at:at + size], at))
        at += size
    return out
