-- expire: removes a batch whose retention is over, or that was never sealed, 256 pipelines a call.
--
-- KEYS  farm prefix
-- ARGV  batch
-- reply 1 while there is more to do
--
-- Invariant: only a batch that is due for it; from the first call on it is in no list, and its key goes last,
-- so that a host that dies in between leaves work that another finds.
local bid = ARGV[1]
local key = P .. 'b:' .. bid
local ends, begun = call('ZSCORE', P .. 'expire', bid), call('ZSCORE', P .. 'unsealed', bid)
local is_due = (ends and tonumber(ends) <= now) or (begun and tonumber(begun) <= now - 3600000000)
if not is_due then return 0 end
begin()
call('ZREM', P .. 'batches', bid)
call('ZREM', P .. 'ids', bid)
call('HSET', key, 'gone', 1)
local added = tonumber(call('HGET', key, 'added')) or 0
local to = max(0, added - 256)
for index = added, to + 1, -1 do call('UNLINK', P .. 'p:' .. bid .. '-' .. int(index)) end
call('HSET', key, 'added', int(to))
if to > 0 then return 1 end
for _, name in ipairs(all_lanes()) do call('UNLINK', P .. 'q:' .. name .. ':' .. bid) end
call('UNLINK', key, key .. ':wait')
call('ZREM', P .. 'expire', bid)
call('ZREM', P .. 'unsealed', bid)
return 0
