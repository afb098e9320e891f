#!/usr/bin/python3
"""The Community ID of every flow of every capture against the specification (version 1, seed 0), computed here anew.

usage: community.py
"""
import base64
import hashlib
import ipaddress
import shutil
import struct
import sys

import oracle

PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132, "ICMP": 1, "IPv6-ICMP": 58}
WITH_PORTS = ("TCP", "UDP", "SCTP")
# Types that ask and answer; others stand alone, with their code for the second port.
PAIRS = {"ICMP": {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 10: 9, 9: 10, 17: 18, 18: 17},
         "IPv6-ICMP": {128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 144: 145,
                       145: 144, 139: 140, 140: 139}}


def community_id(flow):
    """By the specification; None: the record does not say enough."""
    proto = flow.get("proto")
    src, dst = (ipaddress.ip_address(flow[k]).packed for k in ("src_ip", "dest_ip"))
    ports, one_way = b"", False
    if proto in WITH_PORTS:
        sport, dport = flow["src_port"], flow["dest_port"]
    elif proto in PAIRS:
        sport, dport = flow["icmp_type"], PAIRS[proto].get(flow["icmp_type"])
        one_way = dport is None
        dport = flow["icmp_code"] if one_way else dport
    elif proto.isdigit():
        sport = None
    else:
        return None
    if sport is not None:
        if not one_way and (src, sport) > (dst, dport):
            src, dst, sport, dport = dst, src, dport, sport
        ports = struct.pack("!HH", sport, dport)
    elif src > dst:
        src, dst = dst, src
    number = PROTOCOLS.get(proto) or int(proto)
    data = struct.pack("!H", 0) + src + dst + struct.pack("!BB", number, 0) + ports
    return "1:" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def main():
    oracle.need_shared("community")
    folder = oracle.unpacked("captures")
    names = sorted(oracle.answers("logs.jsonl.gz"))
    out, _ = oracle.inspect_all(folder, names, [])
    same = other = 0
    for name in names:
        for e in oracle.events(out, name):
            if e.get("event_type") != "flow" or "src_ip" not in e:
                continue
            wanted = community_id(e)
            if wanted == e.get("community_id"):
                same += 1
            elif wanted:
                other += 1
                print(f"FAILED {name}: {e['proto']} {e['src_ip']} {e.get('src_port', e.get('icmp_type'))} {e['dest_ip']} "
                      f"{e.get('dest_port', e.get('icmp_code'))}: {e.get('community_id')}, not {wanted}")
    shutil.rmtree(out)
    print(f"{same} passed, {other} failed, 0 skipped")
    return other != 0


if __name__ == "__main__":
    sys.exit(main())
