-- IMIX for a minute, at the rate given below.
local traffic = dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "bench/pktgen/") .. "traffic.lua")
local rate = 10
local sent, came

pktgen.set_range(traffic.send, "off")
traffic.imix()
sent, came = traffic.trial(rate, 60000)
print(string.format("imix at %d %%: sent %d, back %d", rate, sent, came))
pktgen.set(traffic.send, "seqCnt", 0)
