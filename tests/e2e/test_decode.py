"""What is hidden in tunnels and fragments is found; what no receiver takes is not looked at."""
from scapy.all import GRE, IP, TCP, UDP, DNS, DNSQR, Dot1Q, Ether, IPv6, IPv6ExtHdrFragment, Raw, fragment, raw
from scapy.layers.vxlan import VXLAN

from packets import CLIENT, RESOLVER, Clock, ends

RULES = 'alert dns any any -> any any (msg:"bot"; dns.query; content:"evil.example"; sid:1;)'
QUESTION = DNS(id=7, rd=1, qd=DNSQR(qname="www.evil.example"))


def ask():
    return ends(CLIENT, RESOLVER) / UDP(sport=40000, dport=53) / QUESTION


def stamped(*packets):
    clock = Clock()
    return [clock.stamp(p) for p in packets]


def test_in_a_tunnel_in_a_tunnel(inspect):
    inner = ask()
    packet = (ends("198.51.100.1", "198.51.100.2") / GRE() / IP(src="192.0.2.1", dst="192.0.2.2") /
              UDP(sport=5555, dport=4789) / VXLAN(vni=5, flags=8) / inner)
    run = inspect(stamped(packet), RULES)
    assert run.sids() == [1]
    alert, = run.events("alert")
    assert (alert["src_ip"], alert["dest_ip"]) == (CLIENT, RESOLVER)


def test_in_fragments_of_ipv4(inspect):
    pieces = fragment(ask(), 16)
    assert len(pieces) == 3
    assert inspect(stamped(*reversed(pieces)), RULES).sids() == [1]


def test_in_fragments_of_ipv6_in_a_vlan(inspect):
    ip = IPv6(src="2001:db8::1", dst="2001:db8::2")
    udp = raw(ip / UDP(sport=40000, dport=53) / QUESTION)[40:]
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1Q(vlan=7)
    pieces = [link / ip / IPv6ExtHdrFragment(nh=17, id=9, m=1) / Raw(udp[:24]),
              link / ip / IPv6ExtHdrFragment(nh=17, id=9, offset=3) / Raw(udp[24:])]
    run = inspect(stamped(*pieces), RULES)
    assert run.sids() == [1]
    assert run.events("alert")[0]["vlan"] == [7]


def test_last_fragment_missing(inspect):
    assert inspect(stamped(*fragment(ask(), 24)[:-1]), RULES).sids() == []


def test_overlap_by_the_receivers_policy(inspect):
    """The same fragments: one receiver reads evil.example, the other something else."""
    whole = raw(ask()[UDP])
    at = whole.index(b"\x04evil") // 8 * 8
    good = whole[at:at + 8].replace(b"evil", b"good").replace(b"vil", b"ood").replace(b"evi", b"goo")
    base = {"src": CLIENT, "dst": RESOLVER, "id": 77, "proto": 17}
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    pieces = [link / IP(flags="MF", **base) / Raw(whole[:at]),
              link / IP(flags="MF", frag=at // 8, **base) / Raw(good),
              link / IP(flags="MF", frag=at // 8, **base) / Raw(whole[at:at + 8]),
              link / IP(frag=at // 8 + 1, **base) / Raw(whole[at + 8:])]
    options = ["--set", "checksums=ignore", "--set", "host_os_policy.windows=[]", "--set"]
    assert good != whole[at:at + 8]
    assert inspect(stamped(*pieces), RULES, [*options, "host_os_policy_default=first"]).sids() == []
    assert inspect(stamped(*pieces), RULES, [*options, "host_os_policy_default=last"]).sids() == [1]


def test_wrong_checksum_of_a_header(inspect):
    """A datagram is inspected on a tap, no router forwards it; a segment is of no flow."""
    packet = ask()
    packet[IP].chksum = 0  # the host left it to its card
    assert inspect(stamped(packet), RULES).sids() == [1]
    assert inspect(stamped(packet), RULES, ["--set", "mode=inline"]).sids() == []
    packet = ends(CLIENT, RESOLVER) / TCP(sport=1, dport=2, flags="S")
    packet[IP].chksum = 0x1234
    assert inspect(stamped(packet), RULES).events("flow") == []
    assert len(inspect(stamped(packet), RULES, ["--set", "checksums=ignore"]).events("flow")) == 1


def test_wrong_checksum_of_a_datagram(inspect):
    """It is inspected, on a tap and in the wire: cards fill it in behind."""
    packet = ask()
    packet[UDP].chksum = 0x1234
    assert inspect(stamped(packet), RULES).sids() == [1]
    assert inspect(stamped(packet), RULES, ["--set", "mode=inline"]).sids() == [1]


def test_wrong_checksum_of_a_segment(inspect):
    """Its flow counts it, its stream does not take it; in the wire it is dropped."""
    packet = ends(CLIENT, RESOLVER) / TCP(sport=1, dport=2, flags="S", chksum=0x1234)
    rule = 'alert tcp any any -> any any (msg:"x"; tcpv4-csum:invalid; sid:3;)'
    run = inspect(stamped(packet), rule)
    assert run.sids() == [3]
    flow, = run.events("flow")
    assert flow["flow"]["pkts_toserver"] == 1
    assert "syn" not in flow["tcp"]
    run = inspect(stamped(packet), rule, ["--set", "mode=inline"])
    assert run.events("stats")[-1]["stats"]["ips"]["drop_reason"]["checksum"] == 1


def test_wrong_header_is_an_event(inspect):
    packet = ends(CLIENT, RESOLVER) / TCP(sport=1, dport=2, dataofs=15)
    run = inspect(stamped(packet), 'alert pkthdr any any -> any any (msg:"x"; decode-event:tcp.hlen_too_small; sid:2;)')
    assert run.sids() == [2]
    assert run.events("flow") == []
    assert run.events("stats")[-1]["stats"]["decoder"]["invalid"] == 1
