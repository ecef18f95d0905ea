-- reap: gives back, at most 500 a call, what a silent host ran.
--
-- KEYS  farm prefix
-- ARGV  host, lease_ms
-- reply how many are left, or -1 when the host is not to be reaped
--
-- Invariant: only a host whose heartbeat lapsed, and never during the grace time of beat.lua. Its attempts
-- are unharmed: no attempt is used, no kill counted; a live fact keeps its lane slot.
begin()
local host, lease = ARGV[1], tonumber(ARGV[2]) * 1000
local seen = tonumber(call('HGET', P .. 'host:' .. host, 'seen')) or 0
local grace = tonumber(call('HGET', FARM, 'grace')) or 0
if seen + lease >= now or now <= grace then return -1 end
local left = give_back_all(host, 'given back: host ' .. host .. ' went silent')
if left == 0 then
  call('ZREM', P .. 'hosts', host)
  call('HSET', P .. 'host:' .. host, 'lapsed', 1, 'sum', 0)
  call('DEL', P .. 'prog:' .. host)
end
return left
