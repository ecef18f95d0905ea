-- submit: begin, add and seal of a batch, any of them in one call; at most 256 pipelines a call.
--
-- KEYS  farm prefix
-- ARGV  batch, token, is seal, index of the first pipeline, name, labels, spec, origin, priority,
--       max_parallel, retention_ms, total; then per pipeline: name, context, plan x, limits y, a definition per stage
-- reply "ok" | "clash" (the id belongs to another token) | "missing" (sealed too early), is sealed, pipelines added
--
-- Invariant: nothing of a batch is seen or runs before it is sealed, and sealing is O(lanes): what can run
-- first already waits in the batch's own queues, which only now join the rings. Adding a pipeline again
-- changes nothing.
local bid, token, is_seal, index = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local b = batch(bid)
local known = call('HGET', b.key, 'token')
if known and known ~= token then return { 'clash', 0, 0 } end
if b.sealed == 1 then return { 'ok', 1, b.added } end
begin()
if not known then
  call('HSET', b.key, 'token', token, 'name', ARGV[5], 'labels', ARGV[6], 'spec', ARGV[7], 'origin', ARGV[8])
  b.prio, b.maxp, b.retention, b.total = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
  b.next, b.known = 1, true
  if not is_seal then call('ZADD', P .. 'unsealed', int(now), bid) end
end

local seen = {}
local function note_lanes(p)
  for i = 0, p.count - 1 do
    local stage = p.plan[i]
    seen[stage.lane] = true
    if stage.prepare then seen.cpu = true end
  end
end

local at = 13
while ARGV[at] do
  local x = ARGV[at + 2]
  local count = string.byte(x, 2)
  if index > b.added then
    local p = pipe_of(bid .. '-' .. int(index), x, nil)
    put(p, 'x', x)
    put(p, 'N', ARGV[at])
    put(p, 'c', ARGV[at + 1])
    put(p, 'y', ARGV[at + 3])
    for i = 0, count - 1 do put(p, 'd' .. i, ARGV[at + 4 + i]) end
    note_lanes(p)
    b.added = index
    if b.maxp == 0 or index <= b.maxp then
      b.next = index + 1
      p.y = ARGV[at + 3]
      p.is_new = true
      admit(p)
    else
      b.wait = b.wait + 1
    end
  end
  at, index = at + 4 + count, index + 1
end
local names = {}
for name in pairs(seen) do names[#names + 1] = name end
if #names > 0 then call('SADD', P .. 'lanes', unpack(names)) end

if not is_seal then
  flush()
  return { 'ok', 0, b.added }
end
push_queues()
if b.added < b.total then
  call('ZADD', P .. 'unsealed', 'NX', int(now), bid)
  flush()
  return { 'missing', 0, b.added }
end
b.sealed, b.created = 1, now
call('ZADD', P .. 'batches', int(now), bid)
call('ZADD', P .. 'ids', 0, bid)
if known then call('ZREM', P .. 'unsealed', bid) end
for _, name in ipairs(all_lanes()) do
  local n = call('LLEN', P .. 'q:' .. name .. ':' .. bid)
  if n > 0 then
    lane(name).rdy = lane(name).rdy + n
    ring_join(name, b)
  end
end
event(bid, 'sealed', int(b.total) .. ' pipelines')
for _, p in pairs(pipes) do p.ending = p.s ~= nil end
any_ending = true
flush()
end_batch(b)
flush()
return { 'ok', 1, b.added }
