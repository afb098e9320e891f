"""Writes a MaxMind DB (https://maxmind.github.io/MaxMind-DB/): networks and their countries."""
import ipaddress


def encoded(value):
    """Maps, texts, arrays and numbers (bits, value) as the data section has them."""
    if isinstance(value, dict):
        out = bytes([7 << 5 | len(value)])
        return out + b"".join(encoded(k) + encoded(v) for k, v in value.items())
    if isinstance(value, str):
        raw = value.encode()
        return bytes([2 << 5 | len(raw)]) + raw
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(encoded, value))
    kind, value = value
    raw = value.to_bytes(8, "big").lstrip(b"\0")
    return (bytes([len(raw), 9 - 7]) if kind == 64 else bytes([(5 if kind == 16 else 6) << 5 | len(raw)])) + raw


def bits_of(network):
    n = ipaddress.ip_network(network)
    length = n.prefixlen + (96 if n.version == 4 else 0)
    return f"{int(n.network_address):0128b}"[:length]


def write(path, countries):
    """countries: {"192.0.2.0/24": "DE", "2001:db8::/32": "FR"}"""
    nodes, data, offsets = [[None, None]], b"", {}
    for network, code in countries.items():
        if code not in offsets:
            offsets[code] = len(data)
            data += encoded({"country": {"iso_code": code}})
        at, bits = 0, bits_of(network)
        for bit in bits[:-1]:
            if nodes[at][int(bit)] is None:
                nodes.append([None, None])
                nodes[at][int(bit)] = len(nodes) - 1
            at = nodes[at][int(bit)]
        nodes[at][int(bits[-1])] = ("data", offsets[code])
    count, tree = len(nodes), b""
    for node in nodes:
        for record in node:
            if isinstance(record, tuple):
                record = count + 16 + record[1]
            tree += (count if record is None else record).to_bytes(3, "big")
    meta = encoded({"node_count": (32, count), "record_size": (16, 24), "ip_version": (16, 6),
                    "database_type": "Country", "languages": ["en"], "binary_format_major_version": (16, 2),
                    "binary_format_minor_version": (16, 0), "build_epoch": (64, 1),
                    "description": {"en": "countries"}})
    path.write_bytes(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + meta)
