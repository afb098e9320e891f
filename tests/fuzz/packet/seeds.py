#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes first inputs for fuzz_decode and fuzz_defrag: DIR/decode/* and DIR/defrag/*.

usage: seeds.py DIR; then: fuzz_decode -merge=1 tests/fuzz/packet/corpus/decode DIR/decode
"""
import os
import struct
import sys

from scapy.all import (ARP, ESP, GRE, IP, IPv6, ICMP, TCP, UDP, Dot1AD, Dot1Q, Ether, IPOption_LSRR,
                       IPOption_Router_Alert, IPOption_Timestamp, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, Raw, RouterAlert, SCTP, fragment, raw)
from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.igmp import IGMP
from scapy.contrib.mpls import MPLS
from scapy.contrib.nsh import NSH
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6MLQuery, ICMPv6ND_NS,
                                ICMPv6PacketTooBig)
from scapy.layers.l2 import GRE_PPTP, CookedLinux
from scapy.layers.ppp import PPP, HDLC, PPPoE, PPPoED
from scapy.layers.vxlan import VXLAN

ETHERNET, RAW, IPV4, NULL, PPP_LINK, SLL, LOOP, SLL2, CHDLC, PPPOE = range(10)
PPI, FRELAY, PPP_HDLC, WIFI, RADIOTAP, NFLOG, ARCNET, ARCNET_LINUX = range(12, 20)
E = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
I4 = IP(src="10.0.0.1", dst="10.0.0.2")
I6 = IPv6(src="2001:db8::1", dst="2001:db8::2")
T = TCP(sport=1000, dport=80, flags="S", options=[("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)),
                                                  ("NOP", None), ("WScale", 7)])
U = UDP(sport=1000, dport=53) / b"12345678"


def frames():
    """(link type, frames...)"""
    yield ETHERNET, E / I4 / T
    yield ETHERNET, E / I6 / U
    yield ETHERNET, E / ARP(psrc="10.0.0.1", pdst="10.0.0.2")
    yield ETHERNET, E / Dot1AD(vlan=5) / Dot1Q(vlan=6) / Dot1Q(vlan=7) / I4 / T
    yield ETHERNET, E / Raw(b"") / I4 / ICMP() / b"ping"
    yield ETHERNET, E / I4 / ICMP(type=3, code=3) / I4 / U
    yield ETHERNET, E / I6 / ICMPv6EchoRequest(data=b"ping")
    yield ETHERNET, E / I6 / ICMPv6DestUnreach() / I6 / U
    yield ETHERNET, E / I6 / ICMPv6PacketTooBig(mtu=1280) / I6 / U
    yield ETHERNET, E / I6 / ICMPv6MLQuery()
    yield ETHERNET, E / I6 / ICMPv6ND_NS(tgt="2001:db8::2")
    yield ETHERNET, E / IP(src="10.0.0.1", dst="10.0.0.2", options=[
        IPOption_Router_Alert(), IPOption_Timestamp(), IPOption_LSRR(routers=["10.0.0.9"])]) / U
    yield ETHERNET, E / I6 / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / IPv6ExtHdrDestOpt(
        options=[PadN(optdata=b"\0\0")]) / IPv6ExtHdrRouting(addresses=["2001:db8::9"]) / U
    yield ETHERNET, E / MPLS(label=100, s=0) / MPLS(label=200, s=1) / I4 / U
    yield ETHERNET, E / MPLS(label=100, s=1) / Raw(b"\0\0\0\0") / E / I4 / U
    yield ETHERNET, E / PPPoE(sessionid=1) / PPP(proto=0x21) / I4 / U
    yield ETHERNET, E / PPPoED(code=9) / Raw(b"\x01\x01\0\0")
    yield ETHERNET, E / I4 / GRE(key_present=1, seqnum_present=1) / I4 / T
    yield ETHERNET, E / I4 / GRE(proto=0x6558) / E / I6 / U
    yield ETHERNET, E / I4 / GRE(proto=0x88be, seqnum_present=1) / Raw(b"\x10\x05\0\0\0\0\0\0") / E / I4 / U
    yield ETHERNET, E / I4 / GRE_PPTP(seqnum_present=1, payload_len=32) / PPP(proto=0x21) / I4 / U
    yield ETHERNET, E / I4 / UDP(sport=5, dport=4789) / VXLAN(vni=7, flags=8) / E / I4 / T
    yield ETHERNET, E / I4 / UDP(sport=5, dport=4789) / VXLAN(vni=7, flags=8) / E / Dot1Q(vlan=3) / I6 / U
    yield ETHERNET, E / I4 / UDP(sport=5, dport=6081) / GENEVE(vni=7, proto=0x6558) / E / I4 / U
    yield ETHERNET, E / I6 / UDP(sport=5, dport=6081) / GENEVE(vni=7, proto=0x0800) / I4 / U
    yield ETHERNET, E / I4 / UDP(sport=5, dport=3544) / I6 / T
    yield ETHERNET, E / I4 / UDP(sport=5, dport=3544) / Raw(b"\0\0\x01\x02\x0a\0\0\x01") / I6 / U
    yield ETHERNET, E / I4 / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=1) / I4 / T
    yield ETHERNET, E / I4 / UDP(sport=2152, dport=2152) / Raw(
        b"\x34\xff\0\x30\0\0\0\x01\0\0\0\x85\x01\0\x09\0") / I4 / T
    yield ETHERNET, E / I4 / I4 / I6 / I6 / I4 / U
    yield ETHERNET, E / I4 / SCTP(sport=1, dport=2)
    yield ETHERNET, E / I4 / ESP(spi=1, seq=1, data=b"secret")
    yield ETHERNET, E / I4 / IGMP()
    yield ETHERNET, Ether(type=0x894f) / NSH(nextproto=1, mdtype=2, length=2) / I4 / U
    yield ETHERNET, Ether(type=0x88e7) / Raw(b"\0\0\0\x01") / E / I4 / U
    yield ETHERNET, Ether(type=0x8926) / Raw(b"\0\0\0\0\x08\0") / I4 / U
    yield ETHERNET, Ether(type=0x8903) / Raw(b"\0\0") / E / I4 / U
    yield (ETHERNET, *[E / p for p in fragment(I4 / UDP(sport=1, dport=2) / (b"x" * 60), 24)])
    yield (ETHERNET, *[E / p for p in fragment(I4 / GRE() / I4 / U, 24)])
    yield (ETHERNET, E / I6 / IPv6ExtHdrFragment(id=1, m=1, nh=17) / Raw(raw(U)[:8]),
           E / I6 / IPv6ExtHdrFragment(id=1, offset=1, nh=17) / Raw(raw(U)[8:]))
    yield RAW, I4 / T
    yield IPV4, I6 / T
    yield NULL, Raw(b"\x02\0\0\0") / I4 / U
    yield LOOP, Raw(b"\0\0\0\x18") / I6 / U
    yield PPP_LINK, HDLC() / PPP(proto=0x57) / I6 / U
    yield PPP_LINK, Raw(b"\xff\x03\0\x2f") / IP(src="10.0.0.1", dst="10.0.0.2", proto=0) / Raw(raw(T))
    yield SLL, CookedLinux(proto=0x800) / I4 / U
    yield SLL2, Raw(b"\x08\0\0\0\0\0\0\x01\0\x01\0\x06\0\0\0\0\0\0\0\0") / I4 / U
    yield CHDLC, Raw(b"\x0f\0\x08\0") / I4 / U
    yield from unusual()
    yield PPPOE, PPPoE(sessionid=1) / PPP(proto=0x21) / I4 / U


def unusual():
    """Links that are rare, and tunnels of later."""
    snap = Raw(b"\xaa\xaa\3\0\0\0\x08\0") / I4 / U
    data = b"\x08\2\0\0" + bytes(18) + b"\x10\0"
    parts = b"".join(bytes(12) + struct.pack(">H", len(raw(snap))) + raw(snap) + bytes(-(14 + len(raw(snap))) % 4) for _ in range(2))
    yield ETHERNET, Raw(bytes(12) + struct.pack(">H", len(raw(snap)))) / snap
    yield WIFI, Raw(data) / snap
    yield WIFI, Raw(b"\x88\3" + data[2:] + bytes(6) + b"\0\0") / snap
    yield WIFI, Raw(b"\x88\2" + data[2:] + b"\x80\0" + parts)
    yield RADIOTAP, Raw(b"\0\0\x19\0\3\0\0\0" + bytes(8) + b"\x10" + bytes(8) + data) / snap / Raw(b"fcs.")
    yield PPI, Raw(b"\0\0\x20\0\x69\0\0\0\2\0\x14\0" + bytes(8) + b"\1\0" + bytes(10) + data) / snap / Raw(b"fcs.")
    yield NFLOG, Raw(b"\2\0\0\x28\5\0\x0a\0\0\0\0\0" + struct.pack("<HH", 4 + len(raw(I4 / U)), 9)) / I4 / U
    yield FRELAY, Raw(b"\x18\x41\3\0\x80\0\0\0\x08\0") / I4 / U
    yield PPP_HDLC, Raw(b"\x0f\0\x08\0") / I4 / U
    yield ARCNET, Raw(b"\1\2\xd4\xff\xff\xff\xd4\0\0\1") / I4 / U
    yield ARCNET_LINUX, Raw(b"\1\2\0\0\xf0") / I4 / U
    yield ETHERNET, E / I4 / UDP(sport=5, dport=4790) / Raw(b"\x0c\0\0\3\0\0\7\0") / E / I4 / U
    yield ETHERNET, E / I4 / UDP(sport=5, dport=5072) / Raw(b"\x41\x52\x11\x29" + bytes(40)) / I6 / U


def main():
    decode, defrag = (os.path.join(sys.argv[1], n) for n in ("decode", "defrag"))
    os.makedirs(decode, exist_ok=True)
    os.makedirs(defrag, exist_ok=True)
    for i, (link, *packets) in enumerate(frames()):
        body = b"".join(struct.pack(">H", len(raw(p))) + raw(p) for p in packets)
        with open(os.path.join(decode, "%02d" % i), "wb") as f:
            f.write(bytes([link, i % 4]) + body)
    sets = [[(0, 0, 16), (0, 2, 16), (2, 4, 5)], [(1, 2, 16), (1, 0, 16), (3, 4, 5)],
            [(0, 0, 24), (16, 1, 32), (2, 3, 8)], [(2, 1, 8), (0, 2, 8), (0, 0, 8)],
            [(0, n * 64, 512) for n in range(20)] + [(2, 1280, 100)]]
    for i, pieces in enumerate(sets):
        for wire in (0, 1):
            with open(os.path.join(defrag, "%d%d" % (i, wire)), "wb") as f:
                f.write(bytes([wire]) + b"".join(struct.pack(">BHHB", flags, at, n, 0) for flags, at, n in pieces))


if __name__ == "__main__":
    main()
