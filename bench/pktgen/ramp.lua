-- Throughput ramp: 10 s at each rate from 5 to 100 % of the port's speed; what was sent, what came
-- back. Shows where loss begins and whether the engine gives way gracefully beyond. -> ramp.txt
local traffic = dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "bench/pktgen/") .. "traffic.lua")
local size = 512
local seconds = 10
local file = assert(io.open("ramp.txt", "w"))

pktgen.screen("off")
traffic.flows(size)
traffic.say(file, "# frames of %d bytes; rate in %%, frames sent, frames back, lost in %%", size)
for rate = 5, 100, 5 do
	local sent, came = traffic.trial(rate, seconds * 1000)

	traffic.say(file, "%3d %12d %12d %9.4f", rate, sent, came,
		    sent > 0 and 100 * (sent - came) / sent or 0)
end
pktgen.set_range(traffic.send, "off")
file:close()
