-- Latency at 10, 50, 70 and 90 % of the rate at which nothing is lost (rfc2544.lua finds it; set it
-- below): least, mean, greatest, from the stamps that Pktgen puts into some of its frames. The
-- percentiles are the engine's to tell: `metsuke top`. -> latency.txt
local traffic = dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "bench/pktgen/") .. "traffic.lua")
local lossless = 10  -- percent of the port's speed
local size, seconds = 512, 30
local file = assert(io.open("latency.txt", "w"))
local ports = {traffic.send}

if traffic.receive ~= traffic.send then
	ports[2] = traffic.receive
end
pktgen.screen("off")
pktgen.set_range(traffic.send, "off")
pktgen.set(traffic.send, "count", 0)
pktgen.set(traffic.send, "size", size)
for _, port in ipairs(ports) do
	pktgen.latency(port, "enable")
	pktgen.latency(port, "rate", 1000)   -- microseconds between stamped frames
	pktgen.latency(port, "entropy", 12)  -- source ports they are spread over
end
traffic.say(file, "# frames of %d bytes; share of the lossless rate, sent, back, stamped, us: least "
	    .. "mean greatest", size)
for _, share in ipairs({10, 50, 70, 90}) do
	local sent, came = traffic.trial(lossless * share / 100, seconds * 1000)
	local l = pktgen.pktStats(traffic.receive)[tonumber(traffic.receive)].latency

	traffic.say(file, "%3d %% %12d %12d %8d %10.2f %10.2f %10.2f", share, sent, came, l.num_pkts,
		    l.min_us, l.avg_us, l.max_us)
end
for _, port in ipairs(ports) do
	pktgen.latency(port, "disable")
end
file:close()
