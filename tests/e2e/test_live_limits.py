"""One source, many servers: its packets reach several workers, and limits of rules hold over all of them."""
from collections import Counter

from scapy.all import UDP, Raw
from scapy.utils import wrpcap

from live import service  # noqa: F401 (fixture)
from packets import Clock, ends

PACKETS = 60
RULES = """
alert udp any any -> any 9000 (msg:"many"; threshold:type both, track by_src, count 60, seconds 3600; sid:1;)
alert udp any any -> any 9000 (msg:"after fifty"; detection_filter:track by_src, count 50, seconds 3600; sid:2;)
alert udp any any -> any 9000 (msg:"each tenth"; threshold:type threshold, track by_rule, count 10, seconds 3600; sid:3;)
alert udp any any -> any 9000 (msg:"each pair"; threshold:type limit, track by_both, count 1, seconds 3600; sid:4;)
alert udp any any -> any 9000 (msg:"each worker"; hostbits:isnotset,met,src; hostbits:set,met,src; sid:5;)
"""


def test_limits_over_two_workers(service, tmp_path):
    clock = Clock()
    wrpcap(str(tmp_path / "in.pcap"), [
        clock.stamp(ends("10.0.0.10", f"203.0.113.{i}") / UDP(sport=40000, dport=9000) / Raw(b"x" * 32))
        for i in range(1, PACKETS + 1)])
    engine = service(RULES, ports=f"pcap:{tmp_path}/in.pcap", workers="2").ready()
    engine.wait_for(lambda: engine.counter("decoder.pkts") == PACKETS)
    engine.close()
    alerts = Counter(e["alert"]["signature_id"] for e in engine.events("alert"))
    # Never less than one worker would have written; one more for two packets at the same moment.
    assert alerts[1] in (1, 2) and alerts[2] in (10, 11) and alerts[3] in (6, 7)
    assert alerts[4] == PACKETS
    assert alerts[5] == 2  # bits of hosts are each worker's own: both had packets
