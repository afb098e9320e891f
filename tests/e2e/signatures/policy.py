# SPDX-License-Identifier: BSD-3-Clause
"""Sessions for rules/signatures/policy.rules."""
import base64
import struct

from .session import Row, dns, get, netbios, p, tcp, tls, udp, visit

SUBSCRIBE = '{"id":1,"method":"mining.subscribe","params":["cpuminer/2.5.1"]}\n'
MONERO = '{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4A","pass":"x","agent":"XMRig/6.21.0","algo":["rx/0"]}}\n'
ETHEREUM = '{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0xab"]}\n'
CONFIG = '{"donate-level": 1, "pools": [{"url": "p", "rig-id": null}]}'
TORRENT = b"\x13BitTorrent protocol" + bytes(48)
DHT = b"d1:ad2:id20:" + b"x" * 20 + b"9:info_hash20:" + b"y" * 20 + b"e1:q9:get_peers1:t2:aa1:y1:qe"
DONKEY = b"\xe3\x30\0\0\0\1" + b"h" * 16 + bytes(6) + b"\2\0\0\0\2\1\0\1\4\0anna\3\1\0\x11\x3c\0\0\0"
HOME = {"Docker-Experimental": "false"}


def login(text):
    return get("/", headers={"Authorization": "Basic " + text})


def vnc(types):
    return tcp(5900, None, b"RFB 003.008\n" + types, b"RFB 003.008\n\1", way="inward")


def ssl3(version):
    """A server hello of that version in answer to a client hello."""
    hello = p.handshake(2, struct.pack(">H", version) + bytes(32) + b"\0\0\x2f\0")
    ask = p.handshake(1, struct.pack(">H", version) + bytes(32) + b"\0\0\2\0\x2f\1\0")
    return tcp(443, p.record(22, ask, version), p.record(22, hello, version), way="inward")


def answers(port, data, way="inward", asks=b"hello there\r\n"):
    return tcp(port, asks, data, way=way)


MONERO_POOLS = [(9008004, "supportxmr.com"), (9008043, "moneroocean.stream"), (9008044, "hashvault.pro"), (9008045,
          "c3pool.com"), (9008046, "nanopool.org"), (9008047, "herominers.com"), (9008048, "xmrpool.eu")]
COINS = [(9008005, "2miners.com"), (9008049, "f2pool.com"), (9008050, "nicehash.com"), (9008051, "unmineable.com")]
DYNAMIC = [(9008037, "duckdns.org"), (9008052, "ddns.net"), (9008053, "hopto.org"), (9008054, "zapto.org"), (9008055,
           "sytes.net"), (9008056, "no-ip.org"), (9008057, "dynu.net"), (9008058, "mooo.com")]
ADDRESS = [(9008038, "api.ipify.org"), (9008059, "icanhazip.com"), (9008060, "ifconfig.me"), (9008061, "ip-api.com"),
           (9008062, "checkip.dyndns.org"), (9008063, "wtfismyip.com"), (9008064, "myexternalip.com")]
ELSEWHERE = [(9008039, "bazar"), (9008065, "emc"), (9008066, "coin"), (9008067, "libre")]


def names(zones):
    """Queries for a name in each zone, and in one that ends alike."""
    return [Row(sid, dns("host1." + zone), dns("not" + zone)) for sid, zone in zones]



ROWS = [
    Row(9008001, tcp(3333, SUBSCRIBE), tcp(3333, SUBSCRIBE.replace("mining.", "news."))),
    Row(9008002, tcp(3333, MONERO), tcp(3333, MONERO.replace("algo", "also"))),
    Row(9008003, tcp(3333, ETHEREUM), tcp(3333, ETHEREUM.replace("submitLogin", "submit"))),
    *names(MONERO_POOLS), *names(COINS),
    Row(9008006, get("/", "<script>new CoinHive.Anonymous('x').start()</script>"), get("/", "<p>CoinHive is gone</p>")),
    Row(9008007, get("/config.json", CONFIG, kind="application/json"),
        get("/config.json", CONFIG.replace("rig-id", "id"), kind="application/json")),
    Row(9008008, tcp(6881, TORRENT), tcp(6881, b"x" + TORRENT)),
    Row(9008009, udp(6881, DHT), udp(6881, DHT.replace(b"9:get_peers", b"4:ping"))),
    Row(9008010, get("/announce?info_hash=x&peer_id=-TR3000-x&uploaded=0&left=1"), get("/announce?info_hash=x")),
    Row(9008011, udp(6969, b"\0\0\4\x17\x27\x10\x19\x80\0\0\0\0\1\2\3\4"),
        udp(6969, b"\0\0\4\x17\x27\x10\x19\x80\0\0\0\1\1\2\3\4")),
    Row(9008012, tcp(4661, DONKEY), tcp(4661, DONKEY.replace(b"\3\1\0\x11", b"\3\1\0\x12"))),
    Row(9008013, get("/tor/status-vote/current/consensus.z"), get("/docs/tor/status-vote/current/consensus")),
    Row(9008014, dns("abcdefghij234567.onion"), dns("www.onion.example")),
    Row(9008015, tls("abcdefghij234567.onion.ws"), tls("onion.ws.example.com")),
    Row(9008016, tls("reseed.i2pgit.org"), tls("git.i2pgit.org.example.com")),
    Row(9008017, udp(1194, b"\x38" + b"\xa1" * 8 + bytes(5)), udp(1194, b"\x38" + b"\xa1" * 8 + b"\1" + bytes(4))),
    Row(9008018, udp(51820, b"\1\0\0\0" + bytes(144)), udp(51820, b"\1\0\0\0" + bytes(143))),
    Row(9008019, tls("relay-0a1b.net.anydesk.com"), tls("www.anydesk.com")),
    Row(9008020, dns("router12.teamviewer.com"), dns("www.teamviewer.com")),
    Row(9008021, dns("rs-ny.rustdesk.com"), dns("www.rustdesk.com")),
    Row(9008022, dns("instance-a1-relay.screenconnect.com"), dns("www.screenconnect.com")),
    Row(9008023, dns("agent-api.atera.com"), dns("www.atera.com")),
    Row(9008024, tls("st-v3-g3.relay.splashtop.com"), tls("www.splashtop.com")),
    Row(9008025, tls(issuer="CN=MeshCentralRoot-0a1b2c, C=unknown"), tls(issuer="CN=MeshRoot-0a1b2c")),
    Row(9008026, answers(3389, b"\3\0\0\x13\x0e\xd0" + bytes(13)),
        answers(3389, b"\3\0\0\x13\x0e\xd0" + bytes(13), "lan")),
    Row(9008027, vnc(b"\1\1"), vnc(b"\1\2")),
    Row(9008028, ssl3(0x0300), ssl3(0x0301)),
    Row(9008029, answers(23, b"\xff\xfd\1\xff\xfb\3\r\nrouter login: "),
        answers(23, b"\xff\xfd\1\xff\xfb\3\r\nrouter login: ", "lan")),
    Row(9008030, answers(445, netbios(b"\xfeSMB" + bytes(80))), answers(445, netbios(b"\xfeSMB" + bytes(80)), "lan")),
    Row(9008031, answers(6379, "$40\r\n# Server\r\nredis_version:7.2.4\r\n"),
        answers(6379, "-NOAUTH Authentication required.\r\n")),
    Row(9008032, visit("/", answer='{"tagline" : "You Know, for Search"}', kind="application/json"),
        visit("/", answer="You Know, for Search")),
    Row(9008033, visit("/version", answer_headers=HOME), visit("/version", answer_headers={"Docker-Version": "1"})),
    Row(9008034, get("/login?user=anna&password=secret"), get("/reset?password=")),
    Row(9008035, login(base64.b64encode(b"anna:secret").decode()), login("")),
    Row(9008036, visit("/", answer="<html><title>Directory listing for /</title>"),
        visit("/", answer="<html><title>Directory of staff</title>")),
    *names(DYNAMIC), *names(ADDRESS),
    *[Row(sid, dns("host1." + zone), dns(zone + ".example.com")) for sid, zone in ELSEWHERE],
    Row(9008040, tls("api.telegram.org"), tls("web.telegram.org")),
    Row(9008041, get("/", agent="Mozilla/5.0 (Windows; U; Windows NT 5.1; de)"),
        get("/", agent="Mozilla/5.0 (Windows; U; Windows NT 6.1; de)")),
    Row(9008042, tls(cert="CN=localhost", issuer="CN=localhost"), tls(cert="CN=localhost", issuer="CN=Example CA")),
]
