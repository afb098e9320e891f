"""EtherNet/IP and CIP for the tests (The CIP Networks Library, volumes 1 and 2)."""
import struct

PORT = 44818
NOP, SERVICES, IDENTITY, INTERFACES, REGISTER, UNREGISTER, RR, UNIT = 0, 4, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70
GET_LIST, RESET, MULTIPLE, GET, SET, READ_TAG, UNCONNECTED_SEND, FORWARD_OPEN = 3, 5, 10, 14, 16, 0x4c, 0x52, 0x54
SESSION = 0x11223344


def pdu(command, data=b"", session=SESSION, context=b"", status=0, options=0):
    return struct.pack("<HHII8sI", command, len(data), session, status, context.ljust(8, b"\0"), options) + data


def item(kind, data):
    return struct.pack("<HH", kind, len(data)) + data


def items(*all_items):
    return struct.pack("<IHH", 0, 10, len(all_items)) + b"".join(all_items)


def rr(cip, context=b"", **kw):
    """Unconnected: a null address, and the message."""
    return pdu(RR, items(item(0, b""), item(0xb2, cip)), context=context, **kw)


def unit(cip, sequence, connection=0x1001, **kw):
    return pdu(UNIT, items(item(0xa1, struct.pack("<I", connection)), item(0xb1, struct.pack("<H", sequence) + cip)), **kw)


def logical(kind, value):
    """A logical segment: 0x20 class, 0x24 instance, 0x30 attribute."""
    if value < 256:
        return bytes([kind, value])
    return bytes([kind | 1, 0]) + struct.pack("<H", value) if value < 65536 else \
        bytes([kind | 2, 0]) + struct.pack("<I", value)


def path(cls=None, instance=None, attribute=None):
    return b"".join(logical(kind, value) for kind, value in ((0x20, cls), (0x24, instance), (0x30, attribute))
                    if value is not None)


def symbol(name):
    return bytes([0x91, len(name)]) + name + bytes(len(name) & 1)


def request(service, where, body=b""):
    return bytes([service, len(where) // 2]) + where + body


def response(service, body=b"", status=0, extended=b""):
    return bytes([service | 0x80, 0, status, len(extended) // 2]) + extended + body


def multiple(messages, answer=False):
    offsets, at = [], 2 + 2 * len(messages)
    for one in messages:
        offsets.append(at)
        at += len(one)
    body = struct.pack(f"<H{len(messages)}H", len(messages), *offsets) + b"".join(messages)
    return response(MULTIPLE, body) if answer else request(MULTIPLE, path(2, 1), body)


def unconnected_send(message, route=b"\x01\x00"):
    """Through the connection manager, out of port 1 to slot 0."""
    return request(UNCONNECTED_SEND, path(6, 1), struct.pack("<BBH", 10, 5, len(message)) + message +
                   bytes(len(message) & 1) + bytes([len(route) // 2, 0]) + route)


def identity(name=b"1756-L61/B", vendor=1, device=14, product=54, revision=(20, 11), serial=0xdeadbeef, state=3,
             context=b"", session=0):
    body = (struct.pack("<HhH4s8x", 1, 2, PORT, bytes([10, 0, 0, 9])) +
            struct.pack("<HHHBBHI", vendor, device, product, *revision, 0x30, serial) + bytes([len(name)]) + name +
            bytes([state]))
    return pdu(IDENTITY, struct.pack("<H", 1) + item(0xc, body), session=session, context=context)


def opening(session=SESSION):
    return [("c", pdu(REGISTER, struct.pack("<HH", 1, 0), session=0)),
            ("s", pdu(REGISTER, struct.pack("<HH", 1, 0), session=session))]
