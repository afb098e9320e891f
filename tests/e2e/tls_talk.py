"""TLS for the tests: hellos by hand, and whole handshakes of OpenSSL in memory."""
import datetime
import functools
import hashlib
import os
import ssl
import struct
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

X25519, P256, X25519MLKEM768 = 0x001d, 0x0017, 0x11ec
SHARE_BYTES = {X25519: 32, P256: 65, X25519MLKEM768: 1216}
SHARE_BYTES_SERVER = {X25519: 32, P256: 65, X25519MLKEM768: 1120}


def be16(n):
    return struct.pack("!H", n)


def with16(data):
    return be16(len(data)) + data


def message(kind, body):
    """A handshake message: type, three bytes of length, body."""
    return bytes([kind]) + struct.pack("!I", len(body))[1:] + body


def extension(kind, data):
    return be16(kind) + with16(data)


def filler(n, seed=b"filler"):
    """Bytes that look random and are the same in every run."""
    out = b""
    while len(out) < n:
        seed = hashlib.sha256(seed).digest()
        out += seed
    return out[:n]


def client_hello(sni="a.example", alpn=(b"h3",), shares=(X25519,), versions=(0x0304,), ech=False, extra=(),
                 ciphers=(0x1301, 0x1302, 0x1303), session=b"", cookie=b""):
    exts = []
    if sni:
        exts.append(extension(0, with16(b"\0" + with16(sni.encode()))))
    exts.append(extension(10, with16(b"".join(be16(g) for g in (*shares, P256)))))
    exts.append(extension(13, with16(be16(0x0403) + be16(0x0804))))
    if alpn:
        exts.append(extension(16, with16(b"".join(bytes([len(a)]) + a for a in alpn))))
    exts.append(extension(43, bytes([2 * len(versions)]) + b"".join(be16(v) for v in versions)))
    exts.append(extension(51, with16(b"".join(be16(g) + with16(filler(SHARE_BYTES[g])) for g in shares))))
    if cookie:
        exts.append(extension(44, with16(cookie)))
    if ech:  # RFC 9849, 5: an outer hello
        exts.append(extension(0xfe0d, b"\0" + be16(1) + be16(1) + b"\x2a" + with16(filler(32)) + with16(filler(200))))
    exts += [extension(kind, data) for kind, data in extra]
    body = be16(0x0303) + filler(32, b"client") + bytes([len(session)]) + session
    body += with16(b"".join(be16(c) for c in ciphers)) + b"\x01\x00" + with16(b"".join(exts))
    return message(1, body)


RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def server_hello(group=X25519, random=None, session=b"", cipher=0x1301):
    share = be16(group) if random == RETRY else be16(group) + with16(filler(SHARE_BYTES_SERVER[group]))
    exts = extension(43, be16(0x0304)) + extension(51, share)
    body = be16(0x0303) + (random or filler(32, b"server")) + bytes([len(session)]) + session
    return message(2, body + be16(cipher) + b"\0" + with16(exts))


def records(data, size=16384, kind=22, version=0x0301):
    """The bytes in records of at most `size` bytes."""
    return b"".join(bytes([kind]) + be16(version) + with16(data[at:at + size]) for at in range(0, len(data), size))


def recut(data, size):
    """The contents of records of one type and version, in other records."""
    kind, version, out, at = data[0], data[1] << 8 | data[2], b"", 0
    while at < len(data):
        end = at + 5 + (data[at + 3] << 8 | data[at + 4])
        out, at = out + data[at + 5:end], end
    return records(out, size, kind, version)


CHANGE_CIPHER_SPEC = records(b"\x01", kind=20, version=0x0303)


def sealed(n, version=0x0303):
    """Records that are encrypted, or look so."""
    return records(filler(n), kind=23, version=version)


# ---- certificates ----

def certificate(name, issuer=None, names=(), padding=0):
    """(certificate, key), signed by the issuer (such a pair) or itself. padding: bytes in an extension of no meaning."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    build = (x509.CertificateBuilder().subject_name(subject)
             .issuer_name(issuer[0].subject if issuer else subject).public_key(key.public_key()).serial_number(4711)
             .not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(datetime.datetime(2090, 1, 1))
             .add_extension(x509.BasicConstraints(ca=not names, path_length=None), True))
    if names:
        build = build.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    if padding:
        build = build.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), filler(padding)), False)
    return build.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(*things):
    out = b""
    for thing in things:
        if hasattr(thing, "private_bytes"):
            out += thing.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption())
        else:
            out += thing.public_bytes(serialization.Encoding.PEM)
    return out


@functools.lru_cache(None)
def chain(name="www.example.com", padding=0):
    """(leaf, leaf's key, intermediate, root): a chain of three."""
    root = certificate("Test Root")
    middle = certificate("Test Intermediate", root, padding=padding)
    leaf = certificate(name, middle, names=(name,))
    return leaf[0], leaf[1], middle[0], root[0]


def load(context, who):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "chain.pem")
        with open(path, "wb") as f:
            f.write(pem(who[1], who[0], who[2], who[3]))
        context.load_cert_chain(path)


class Talk:
    """A client and a server of OpenSSL that talk in memory; what they say is kept as turns."""

    def __init__(self, version="1.2", server=None, client=None, curve=None, client_curve=None):
        exact = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
        self.sides = [ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)]
        for context in self.sides:
            context.minimum_version = context.maximum_version = exact
        self.sides[0].check_hostname = False
        self.sides[0].verify_mode = ssl.CERT_NONE
        load(self.sides[1], server or chain())
        if curve:
            self.sides[1].set_ecdh_curve(curve)
        if client:
            load(self.sides[0], client)
            self.sides[1].verify_mode = ssl.CERT_REQUIRED
            self.sides[1].load_verify_locations(cadata=pem(client[3]).decode())
        self.session = None

    def turns(self, sni="www.example.com", data=b"hello", before=()):
        """A connection, with what came before it in clear: [("c" or "s", bytes), …]"""
        bios = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
        ends = [self.sides[0].wrap_bio(*bios[0], server_hostname=sni, session=self.session),
                self.sides[1].wrap_bio(*bios[1], server_side=True)]
        out, done = list(before), [False, False]

        def carry(side):
            said = bios[side][1].read()
            if said:
                out.append(("cs"[side], said))
                bios[1 - side][0].write(said)

        while not all(done):
            for side in range(2):
                try:
                    ends[side].do_handshake()
                    done[side] = True
                except ssl.SSLWantReadError:
                    pass
                carry(side)
        for side in range(2):
            ends[side].write(data)
            carry(side)
            ends[1 - side].read()
        self.session = ends[0].session
        return out
