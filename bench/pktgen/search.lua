-- The highest rate at which nothing is lost between port 0 (sends) and port 1 (receives), found by
-- halving, to one percent of the line rate, 10 s a trial (RFC 2544, 26.1).
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua"
require "Pktgen"

local low, high = 0, 100

local function trial(rate)
	pktgen.clr()
	pktgen.set("0", "rate", rate)
	pktgen.start("0")
	pktgen.delay(10000)
	pktgen.stop("0")
	pktgen.delay(1000)
	local stats = pktgen.portStats("all", "port")
	local sent, came = stats[0].opackets, stats[1].ipackets
	printf("rate %3d %%: sent %d, came back %d\n", rate, sent, came)
	return sent > 0 and came >= sent
end

while high - low > 1 do
	local rate = math.floor((low + high) / 2)
	if trial(rate) then
		low = rate
	else
		high = rate
	end
end
printf("no loss up to %d %%\n", low)
