-- compare: who runs what, both ways; after each reconnect and when a heartbeat's count or sum differ.
--
-- KEYS  farm prefix
-- ARGV  host, then all attempts it has in hand: "pipeline.stage.epoch"
-- reply how many more there are to give back, then the attempts that are not its own (any more); "c:" in
--       front of those it is to stop because somebody cancelled them
--
-- Invariant: afterwards (0 more) run:<host> is exactly what both sides agree on. What only Redis knew of
-- goes back unharmed; what only the host knew of is for the host to stop.
local host, key = ARGV[1], P .. 'run:' .. ARGV[1]
begin()
local mine, foreign = {}, {}
for at = 2, #ARGV do
  local p, i, r = current(ARGV[at], host)
  if p then
    mine[ARGV[at]] = true
    if letter(p, i) == 'c' then foreign[#foreign + 1] = 'c:' .. ARGV[at] end
    if call('SADD', key, ARGV[at]) == 1 then sums[host] = (sums[host] or 0) + run_sum(p.index, i, r.epoch) end
  else
    foreign[#foreign + 1] = ARGV[at]
  end
end
local stale, left = {}, 0
for _, entry in ipairs(call('SMEMBERS', key)) do
  if not mine[entry] then
    left = left + 1
    if left <= 500 then
      local p, i, r = current(entry, host)
      if p then give_back(p, i, r, 'given back: its host no longer has it') else stale[#stale + 1] = entry end
    end
  end
end
if #stale > 0 then send('SREM', key, stale) end
flush()
if left <= 500 then
  local sum = 0
  for _, entry in ipairs(call('SMEMBERS', key)) do
    local pid, i, epoch = match(entry, '^(.*)%.(%d+)%.(%d+)$')
    sum = sum + run_sum(match(pid, '%-(.+)$'), i, epoch)
  end
  call('HSET', P .. 'host:' .. host, 'sum', int(sum))
end
return { max(0, left - 500), unpack(foreign) }
