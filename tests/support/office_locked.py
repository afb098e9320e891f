"""Streams of Office documents that are locked with a password (MS-OFFCRYPTO 2.3.4); AES by the program openssl."""
import base64
import hashlib
import struct
import subprocess

BLOCKS = {"input": b"\xfe\xa7\xd2\x76\x3b\x4b\x9e\x79", "value": b"\xd7\xaa\x0f\x6d\x30\x61\x34\x4e", "key": b"\x14\x6e\x0b\xe7\xab\xac\xd0\xd6"}


def _aes(data, key, iv=None):
    data += b"\0" * (-len(data) % 16)
    mode = ["-aes-%d-cbc" % (len(key) * 8), "-iv", iv.hex()] if iv else ["-aes-%d-ecb" % (len(key) * 8)]
    return subprocess.run(["openssl", "enc", "-e", "-nopad", "-K", key.hex(), *mode], input=data, capture_output=True, check=True).stdout


def _rounds(make, salt, password, rounds):
    h = make(salt + password.encode("utf-16-le")).digest()
    for i in range(rounds):
        h = make(struct.pack("<I", i) + h).digest()
    return h


def agile(data, password, rounds=1000, name="sha512", bits=256):
    """2.3.4.10 to 2.3.4.15."""
    make, size = getattr(hashlib, name), bits // 8
    salt, data_salt, secret, word = (hashlib.sha256(x).digest()[:n] for x, n in ((b"salt", 16), (b"data", 16), (b"key", size), (b"word", 16)))
    h = _rounds(make, salt, password, rounds)
    keys = {k: (make(h + b).digest() + b"\x36" * size)[:size] for k, b in BLOCKS.items()}
    kept = {"VerifierHashInput": _aes(word, keys["input"], salt), "VerifierHashValue": _aes(make(word).digest(), keys["value"], salt),
            "KeyValue": _aes(secret, keys["key"], salt)}
    common = (f'blockSize="16" keyBits="{bits}" hashSize="{make().digest_size}" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" '
              f'hashAlgorithm="{name.upper()}" saltSize="16"')
    values = " ".join(f'encrypted{k}="{base64.b64encode(v).decode()}"' for k, v in kept.items())
    xml = ('<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'
           '<encryption xmlns="http://schemas.microsoft.com/office/2006/encryption" '
           'xmlns:p="http://schemas.microsoft.com/office/2006/keyEncryptor/password">'
           f'<keyData {common} saltValue="{base64.b64encode(data_salt).decode()}"/>'
           '<dataIntegrity encryptedHmacKey="AAAA" encryptedHmacValue="AAAA"/><keyEncryptors>'
           '<keyEncryptor uri="http://schemas.microsoft.com/office/2006/keyEncryptor/password">'
           f'<p:encryptedKey spinCount="{rounds}" {common} saltValue="{base64.b64encode(salt).decode()}" {values}/>'
           '</keyEncryptor></keyEncryptors></encryption>')
    parts = [_aes(data[at:at + 4096], secret, make(data_salt + struct.pack("<I", at // 4096)).digest()[:16]) for at in range(0, len(data), 4096)]
    return {"EncryptionInfo": struct.pack("<HHI", 4, 4, 0x40) + xml.encode(), "EncryptedPackage": struct.pack("<Q", len(data)) + b"".join(parts)}


def standard(data, password, bits=128):
    """2.3.4.4 to 2.3.4.9."""
    salt, word = hashlib.sha256(b"salt").digest()[:16], hashlib.sha256(b"word").digest()[:16]
    last = hashlib.sha1(_rounds(hashlib.sha1, salt, password, 50000) + b"\0\0\0\0").digest()
    long = b"".join(hashlib.sha1(bytes(a ^ b for a, b in zip(last + b"\0" * 44, bytes([fill]) * 64))).digest() for fill in (0x36, 0x5C))
    key = long[:bits // 8]
    name = "Microsoft Enhanced RSA and AES Cryptographic Provider\0".encode("utf-16-le")
    head = struct.pack("<IIIIIIII", 0x24, 0, {128: 0x660E, 192: 0x660F, 256: 0x6610}[bits], 0x8004, bits, 0x18, 0, 0) + name
    verifier = struct.pack("<I", 16) + salt + _aes(word, key) + struct.pack("<I", 20) + _aes(hashlib.sha1(word).digest(), key)
    return {"EncryptionInfo": struct.pack("<HHII", 4, 2, 0x24, len(head)) + head + verifier,
            "EncryptedPackage": struct.pack("<Q", len(data)) + _aes(data, key)}
