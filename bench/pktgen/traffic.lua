-- What the scripts here have in common: the traffic they send, a trial, and its figures. Each script
-- loads this from its own folder; port 0 sends, port 1 receives (one port: it does both).
local traffic = {send = "0", receive = "1", pause_ms = 1000}

if pktgen.portCount() == 1 then
	traffic.receive = "0"
end

-- Many UDP flows between 10.0/16 and 198.51.100/24. Frame sizes count the checksum (FCS), as RFC 2544
-- does.
function traffic.flows(size)
	local r, p = pktgen.range, traffic.send

	r.dst_mac(p, "start", "02:00:00:00:00:02")
	r.src_mac(p, "start", "02:00:00:00:00:01")
	r.ip_proto(p, "udp")
	for what, span in pairs({src_ip = {"10.0.0.1", "10.0.255.254"},
				 dst_ip = {"198.51.100.1", "198.51.100.254"}}) do
		r[what](p, "start", span[1])
		r[what](p, "min", span[1])
		r[what](p, "max", span[2])
		r[what](p, "inc", "0.0.0.1")
	end
	for what, span in pairs({src_port = {1024, 61000, 1}, dst_port = {9999, 9999, 0}}) do
		r[what](p, "start", span[1])
		r[what](p, "min", span[1])
		r[what](p, "max", span[2])
		r[what](p, "inc", span[3])
	end
	r.pkt_size(p, "start", size)
	r.pkt_size(p, "min", size)
	r.pkt_size(p, "max", size)
	r.pkt_size(p, "inc", 0)
	pktgen.set(p, "count", 0)
	pktgen.set_range(p, "on")
end

-- IMIX: 7 frames of 64, 4 of 594, 1 of 1518 bytes, in turns. Twelve flows: a sequence has 16 places.
function traffic.imix()
	local order = {64, 594, 64, 64, 594, 64, 594, 64, 64, 594, 64, 1518}

	for i, size in ipairs(order) do
		pktgen.seqTable(i - 1, traffic.send, {
			eth_dst_addr = "0200:0000:0002", eth_src_addr = "0200:0000:0001",
			ip_dst_addr = "198.51.100." .. i, ip_src_addr = "10.0.0." .. i .. "/16",
			sport = 1024 + i, dport = 9999, ethType = "ipv4", ipProto = "udp",
			vlanid = 1, pktSize = size,
		})
	end
	pktgen.set(traffic.send, "count", 0)
	pktgen.set(traffic.send, "seqCnt", #order)
end

-- Sends at rate (percent of the port's speed) for so long. Returns frames sent and frames that came.
function traffic.trial(rate, milliseconds)
	local sent, came

	pktgen.clr()
	pktgen.set(traffic.send, "rate", rate)
	pktgen.delay(traffic.pause_ms)
	pktgen.start(traffic.send)
	pktgen.delay(milliseconds)
	pktgen.stop(traffic.send)
	-- What is still under way: loss is what has not come after this.
	pktgen.delay(2 * traffic.pause_ms)
	sent = pktgen.portStats(traffic.send, "port")[tonumber(traffic.send)].opackets
	came = pktgen.portStats(traffic.receive, "port")[tonumber(traffic.receive)].ipackets
	return sent, came
end

-- A line to the screen and to FILE.
function traffic.say(file, ...)
	local text = string.format(...)

	print(text)
	file:write(text, "\n")
	file:flush()
end

return traffic
