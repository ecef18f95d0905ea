-- lane: pause, resume, cordon, open or limit a lane, farm-wide.
--
-- KEYS  farm prefix
-- ARGV  "pause" lane reason | "resume" lane | "cordon" lane reason | "open" lane
--       | "limits" lane limit rate burst (0: none; "": as it is)
-- reply "ok" | "unknown" (only limits make a lane)
--
-- Invariant: a person's cordon has probe_at 0: no probe, until it is opened. Whatever lets more run wakes
-- the hosts.
local what, name = ARGV[1], ARGV[2]
if what ~= 'limits' and call('SISMEMBER', P .. 'lanes', name) == 0 then return 'unknown' end
begin()
local l = lane(name)
if what == 'limits' then
  call('SADD', P .. 'lanes', name)
  l.limit = tonumber(ARGV[3]) or l.limit
  l.rate = tonumber(ARGV[4]) or l.rate
  l.burst = tonumber(ARGV[5]) or l.burst
elseif what == 'pause' then
  l.paused, l.reason = 1, ARGV[3]
  event('lane:' .. name, 'paused', clean(ARGV[3]))
elseif what == 'resume' then
  l.paused, l.reason = 0, ''
  event('lane:' .. name, 'open')
elseif what == 'cordon' then
  l.cordoned, l.probe_at, l.probe, l.reason = 1, 0, '', ARGV[3]
  event('lane:' .. name, 'cordoned', clean(ARGV[3]))
else
  l.cordoned, l.probe_at, l.probe_delay, l.probe, l.reason, l.streak, l.class = 0, 0, 0, '', '', 0, ''
  event('lane:' .. name, 'open')
end
if what ~= 'pause' and what ~= 'cordon' and l.rdy > 0 then woken[name] = true end
flush()
return 'ok'
