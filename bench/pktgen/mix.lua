-- Many flows in the sizes of IMIX: ranges of addresses and ports on port 0.
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua"
require "Pktgen"

local port = "0"

pktgen.range.dst_mac(port, "start", "02:00:00:00:00:02")
pktgen.range.src_mac(port, "start", "02:00:00:00:00:01")
pktgen.range.src_ip(port, "start", "10.0.0.1")
pktgen.range.src_ip(port, "inc", "0.0.0.1")
pktgen.range.src_ip(port, "min", "10.0.0.1")
pktgen.range.src_ip(port, "max", "10.0.255.254")
pktgen.range.dst_ip(port, "start", "198.51.100.1")
pktgen.range.dst_ip(port, "inc", "0.0.0.1")
pktgen.range.dst_ip(port, "min", "198.51.100.1")
pktgen.range.dst_ip(port, "max", "198.51.100.254")
pktgen.range.ip_proto(port, "udp")
pktgen.range.src_port(port, "start", 1024)
pktgen.range.src_port(port, "inc", 1)
pktgen.range.src_port(port, "min", 1024)
pktgen.range.src_port(port, "max", 61000)
pktgen.range.dst_port(port, "start", 9999)
pktgen.range.dst_port(port, "inc", 0)
-- One size at a time: 7 parts of 64, 4 of 594, 1 of 1518 bytes.
pktgen.set_range(port, "on")
for _ = 1, 10 do
	for _, part in ipairs({{64, 7}, {594, 4}, {1518, 1}}) do
		pktgen.range.pkt_size(port, "start", part[1])
		pktgen.range.pkt_size(port, "min", part[1])
		pktgen.range.pkt_size(port, "max", part[1])
		pktgen.start(port)
		pktgen.delay(part[2] * 100)
		pktgen.stop(port)
	end
end
