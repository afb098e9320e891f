-- SYNs without end: every packet begins a flow.

local port = "0"

pktgen.range.dst_mac(port, "start", "02:00:00:00:00:02")
pktgen.range.src_mac(port, "start", "02:00:00:00:00:01")
pktgen.range.ip_proto(port, "tcp")
pktgen.range.src_ip(port, "start", "203.0.113.1")
pktgen.range.src_ip(port, "inc", "0.0.0.1")
pktgen.range.src_ip(port, "min", "203.0.0.1")
pktgen.range.src_ip(port, "max", "203.255.255.254")
pktgen.range.dst_ip(port, "start", "10.0.0.80")
pktgen.range.dst_ip(port, "inc", "0.0.0.0")
pktgen.range.src_port(port, "start", 1024)
pktgen.range.src_port(port, "inc", 7)
pktgen.range.src_port(port, "min", 1024)
pktgen.range.src_port(port, "max", 65000)
pktgen.range.dst_port(port, "start", 80)
pktgen.range.dst_port(port, "inc", 0)
pktgen.range.pkt_size(port, "start", 64)
pktgen.set_range(port, "on")
pktgen.start(port)
pktgen.delay(30000)
pktgen.stop(port)
