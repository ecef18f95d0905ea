-- depart: a host that stops in order gives all it runs back at once, at most 500 a call.
--
-- KEYS  farm prefix
-- ARGV  host, instance
-- reply how many are left, or -1 when another instance has taken the name over
--
-- Invariant: as reap.lua, on the host's own word.
begin()
local host = ARGV[1]
local instance = call('HGET', P .. 'host:' .. host, 'instance')
if instance and instance ~= ARGV[2] then return -1 end
local left = give_back_all(host, 'given back: host ' .. host .. ' stops')
if left == 0 then
  call('ZREM', P .. 'hosts', host)
  call('DEL', P .. 'host:' .. host, P .. 'prog:' .. host, P .. 'run:' .. host)
end
return left
