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
-- A stage that ended before its limit of time is still in `due`.
local function forget_due(pid)
  local x = call('HGET', P .. 'p:' .. pid, 'x')
  for i = 0, x and string.byte(x, 2) - 1 or -1 do undue[pid .. '.' .. num(i)] = true end
end
local any_due = call('EXISTS', P .. 'due') == 1
for index = added, to + 1, -1 do
  local pid = bid .. '-' .. int(index)
  if any_due then forget_due(pid) end
  call('UNLINK', P .. 'p:' .. pid)
end
flush()
call('HSET', key, 'added', int(to))
if to > 0 then return 1 end
for _, name in ipairs(all_lanes()) do call('UNLINK', P .. 'q:' .. name .. ':' .. bid) end
call('UNLINK', key, key .. ':wait')
call('ZREM', P .. 'expire', bid)
call('ZREM', P .. 'unsealed', bid)
return 0
