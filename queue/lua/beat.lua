-- beat: a host's heartbeat, for all it runs; what it should look at.
--
-- KEYS  farm prefix
-- ARGV  host, instance, version, run id of the server it is connected to, lease_ms, how many attempts it runs,
--       their sum, started_at or "", then per changed progress two: "pipeline.stage", "permille step" ("" drops it)
-- reply wake seq, us until something is due or -1, 1 when count or sum differ, stages ready, stages delayed,
--       batch to sweep or "", batch to expire or "", instance seen before this one when it beat within
--       the lease, else "", then hosts whose lease lapsed
--
-- Invariant: nobody is reaped for a lease after the server restarted or after all hosts were silent for one:
-- then it was Redis or the network that was away, not they. The clock goes on from where it was when TIME
-- was set back.
local host, instance, lease = ARGV[1], ARGV[2], tonumber(ARGV[5]) * 1000
local t = call('TIME')
local f = call('HMGET', FARM, 'clock', 'skew', 'offset', 'run_id', 'beat', 'grace')
local raw, clock, skew = t[1] * 1000000 + t[2] + (f[3] or 0), tonumber(f[1]) or 0, tonumber(f[2]) or 0
begin()
if raw + skew < clock then
  call('HSET', FARM, 'skew', int(clock - raw))
elseif skew > 0 and raw >= clock then
  call('HDEL', FARM, 'skew')
end

local grace = tonumber(f[6]) or 0
if f[4] ~= ARGV[4] or now - (tonumber(f[5]) or 0) > lease then grace = now + lease end
call('HSET', FARM, 'run_id', ARGV[4], 'beat', int(now), 'grace', int(grace))

local key = P .. 'host:' .. host
local h = call('HMGET', key, 'instance', 'seen', 'sum', 'started')
local other = h[1] and h[1] ~= instance and (tonumber(h[2]) or 0) > now - lease and h[1] or ''
call('HSET', key, 'instance', instance, 'seen', int(now), 'version', ARGV[3], 'lapsed', 0, 'lease', ARGV[5], 'started',
  (h[1] == instance and h[4]) or int(now), 'running', ARGV[6])
call('ZADD', P .. 'hosts', int(now), host)
local differs = (call('SCARD', P .. 'run:' .. host) ~= tonumber(ARGV[6]) or (tonumber(h[3]) or 0) ~= tonumber(ARGV[7]))
  and 1 or 0

local set, drop = {}, {}
for at = 9, #ARGV, 2 do
  if ARGV[at + 1] == '' then
    drop[#drop + 1] = ARGV[at]
  else
    set[#set + 1] = ARGV[at]
    set[#set + 1] = ARGV[at + 1]
  end
end
if #drop > 0 then send('HDEL', P .. 'prog:' .. host, drop) end
if #set > 0 then send('HSET', P .. 'prog:' .. host, set) end

local ready = 0
for _, name in ipairs(all_lanes()) do ready = ready + (tonumber(call('HGET', P .. 'lane:' .. name, 'rdy')) or 0) end
local head = call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')
local wait = head[2] and max(0, tonumber(head[2]) - now) or -1
local old = call('ZRANGEBYSCORE', P .. 'expire', '-inf', int(now), 'LIMIT', 0, 1)[1]
  or call('ZRANGEBYSCORE', P .. 'unsealed', '-inf', int(now - 3600000000), 'LIMIT', 0, 1)[1] or ''
local reply = { wake_seq, wait, differs, ready, call('ZCARD', P .. 'due'), call('SRANDMEMBER', P .. 'sweeps') or '',
  old, other }
if now > grace then
  for _, name in ipairs(call('ZRANGEBYSCORE', P .. 'hosts', '-inf', int(now - lease))) do
    if name ~= host then reply[#reply + 1] = name end
  end
end
return reply
