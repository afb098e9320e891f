"""Which machine had an address: from the packets to the answer about a time."""
import pytest
from packets import START, Clock, ends, tcp_session
from scapy.all import ARP, BOOTP, DHCP, IP, UDP, Ether, NBNSHeader, NBNSRegistrationRequest

A, B, ADDRESS, SERVER = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "10.0.0.50", "10.0.0.1"
HOUR = 3600


def lease(mac, name, when, xid, seconds=HOUR):
    """A request and what the server says to it."""
    hardware = bytes.fromhex(mac.replace(":", ""))
    ask = (Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255") /
           UDP(sport=68, dport=67) / BOOTP(chaddr=hardware, xid=xid) /
           DHCP(options=[("message-type", "request"), ("hostname", name), "end"]))
    tell = (Ether(src="02:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff") / IP(src=SERVER, dst="255.255.255.255") /
            UDP(sport=67, dport=68) / BOOTP(op=2, chaddr=hardware, xid=xid, yiaddr=ADDRESS) /
            DHCP(options=[("message-type", "ack"), ("lease_time", seconds), "end"]))
    clock = Clock(when)
    return [clock.stamp(ask), clock.stamp(tell)]


def story():
    """The address is A's, then B's; a user logs on at B; A's name in NetBIOS is of the same machine."""
    arp = Ether(src=A, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=A, psrc=ADDRESS, pdst=SERVER)
    nbns = (ends(ADDRESS, "10.0.0.255") / UDP(sport=137, dport=137) /
            NBNSHeader(OPCODE=5, NM_FLAGS=0x11, QDCOUNT=1, ARCOUNT=1) /
            NBNSRegistrationRequest(QUESTION_NAME=b"ALPHA", NB_ADDRESS=ADDRESS))
    return (lease(A, "alpha", START, 1) + [Clock(START + 60).stamp(arp), Clock(START + 61).stamp(nbns)] +
            tcp_session([("c", b"hello")], Clock(START + 120), client=ADDRESS) +
            lease(B, "beta", START + 3 * HOUR, 2) +
            tcp_session([("c", kerberos_request("bob"))], Clock(START + 4 * HOUR), client=ADDRESS,
                        server="10.0.0.2", dport=88))


def kerberos_request(user):
    def tlv(tag, *parts):
        return bytes([tag, len(b"".join(parts))]) + b"".join(parts)
    names = tlv(0x30, tlv(0xa0, b"\2\1\1"), tlv(0xa1, tlv(0x30, tlv(0x1b, user.encode()))))
    body = tlv(0x30, tlv(0xa0, b"\3\5\0\0\0\0\0"), tlv(0xa1, names))
    request = tlv(0x6a, tlv(0x30, tlv(0xa1, b"\2\1\5"), tlv(0xa2, b"\2\1\x0a"), tlv(0xa4, body)))
    return len(request).to_bytes(4, "big") + request


def machines(rows):
    return [(r.get("mac"), r.get("name"), r.get("user")) for r in rows]


@pytest.mark.parametrize("workers", ["1", "3"])
def test_an_address_moves(inspect, workers):
    """Request and answer of DHCP may reach different workers; here all facts meet in one commit, that at the end: on
    a busy machine a worker may be seconds behind, and a log-on without a MAC that is committed before the leases are
    known goes to the first machine that is said to have had the address."""
    run = inspect(story(), options=["--workers", workers, "--set", "store.sync_ms=600000"])
    assert run.status == 0, run.stderr
    rows = run.cli("hosts", ADDRESS)
    assert machines(rows) == [(B, "beta", "bob"), (A, "alpha", None)]
    assert rows[1]["from"].startswith("2023-11-14T22:13:20") and rows[1]["to"].startswith("2023-11-14T22:14:21")
    assert rows[1]["how"] == ["dhcp", "nbns", "arp"]


def test_who_had_it_then(inspect):
    run = inspect(story())
    at = lambda hours: machines(run.cli("hosts", ADDRESS, "--at", str(START + hours * HOUR)))
    assert at(-1) == []
    assert at(0.5) == at(2) == [(A, "alpha", None)]
    assert at(3.5) == [(B, "beta", "bob")]
    assert at(29) == []  # a day after the last word of it


def test_by_name_mac_and_user(inspect):
    run = inspect(story())
    for what in ("alpha", "ALPHA", A, A.replace(":", "-")):
        assert machines(run.cli("hosts", what)) == [(A, "alpha", None)]
    assert machines(run.cli("hosts", "bob")) == [(B, "beta", "bob")]
    assert run.cli("hosts", "gamma") == []


def test_records_stay_as_they_are(inspect):
    """Who has an address is no record of EVE; DHCP, names of NetBIOS and Kerberos are (half a session is an anomaly)."""
    run = inspect(story())
    assert {e["event_type"] for e in run.events()} == {"anomaly", "dhcp", "flow", "krb5", "nbns", "stats"}
    assert [e["dhcp"]["assigned_ip"] for e in run.events("dhcp")] == [ADDRESS, ADDRESS]


def test_rules_see_dhcp(inspect):
    rules = """
alert dhcp any any -> any any (msg:"an hour"; dhcp.leasetime:3600; sid:1;)
alert dhcp any any -> any any (msg:"more"; dhcp.leasetime:>3600; sid:2;)
alert udp any 67 -> any 68 (msg:"name"; app-layer-protocol:dhcp; content:"|63 82 53 63|"; sid:3;)
"""
    run = inspect(story(), rules)
    assert run.status == 0, run.stderr
    assert run.sids() == [1, 1, 3, 3]
    assert {a["dhcp"]["dhcp_type"] for a in run.events("alert") if a["alert"]["signature_id"] == 1} == {"ack"}
