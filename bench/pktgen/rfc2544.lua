-- The rate at which nothing is lost, for the frame sizes of RFC 2544 (section 9.1) and IMIX: found by
-- halving the interval to 1 % of the port's speed, 10 s a trial, then confirmed for 60 s (section
-- 26.1); a rate that is not confirmed is lowered and tried again. -> rfc2544.txt
local traffic = dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "bench/pktgen/") .. "traffic.lua")
local sizes = {64, 128, 256, 512, 1024, 1280, 1518, "imix"}
local precision = 1
local trial_ms, confirm_ms = 10000, 60000
local file = assert(io.open("rfc2544.txt", "w"))

local function lossless(rate, milliseconds)
	local sent, came = traffic.trial(rate, milliseconds)

	traffic.say(file, "#   %6.2f %%: sent %d, back %d, lost %d", rate, sent, came, sent - came)
	-- More than was sent: somebody else is on the wire, and the trial means nothing.
	return sent > 0 and came == sent, sent
end

local function search()
	local low, high = 0, 100

	if lossless(high, trial_ms) then
		low = high
	end
	while high - low > precision do
		local rate = (low + high) / 2

		if lossless(rate, trial_ms) then
			low = rate
		else
			high = rate
		end
	end
	return low
end

local function confirm(rate)
	while rate > 0 do
		local good, sent = lossless(rate, confirm_ms)

		if good then
			return rate, sent / (confirm_ms / 1000)
		end
		rate = math.max(0, rate - precision)
	end
	return 0, 0
end

pktgen.screen("off")
for _, size in ipairs(sizes) do
	local rate, per_second

	if size == "imix" then
		pktgen.set_range(traffic.send, "off")
		traffic.imix()
	else
		traffic.flows(size)
	end
	rate, per_second = confirm(search())
	traffic.say(file, "%5s: no loss at %6.2f %%, %.3f Mpps", size, rate, per_second / 1e6)
end
pktgen.set(traffic.send, "seqCnt", 0)
file:close()
