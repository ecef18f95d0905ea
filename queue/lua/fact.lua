-- fact: what is known of a stage's effect in the world: 1 intent, 2 handle, 3 settled.
--
-- KEYS  farm prefix
-- ARGV  pipeline, stage name, epoch, seq, level, payload
-- reply "ok" | "old" (no newer than what is there) | "unknown", the level now
--
-- Invariant: facts are taken from any epoch, whatever the stage's state, and only ever forward: the level
-- never sinks, and one level's payload is replaced only by a greater (epoch, seq). Decisions are turn.lua's.
local p = pipe(ARGV[1])
local i = p and stage_index(p, ARGV[2])
if not i then return { 'unknown', 0 } end
local epoch, seq, level = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local field = 'f' .. i .. '.' .. level
local old = call('HGET', p.key, field)
local r = rec(p, i)
if old then
  local e, s = match(old, '^(%d+) (%d+) ')
  e, s = tonumber(e), tonumber(s)
  if epoch < e or (epoch == e and seq <= s) then return { 'old', r.fact } end
end
begin()
put(p, field, int(epoch) .. ' ' .. int(seq) .. ' ' .. ARGV[6])
if level > r.fact then
  r.fact, r.dirty = level, true
  -- Settled: a slot that only the fact kept is free again.
  if p.s and level == 3 and band(r.flags, SLOT) ~= 0 and not RUNS[letter(p, i)] then
    local l = lane((lane_of(p, i, r)))
    l.run, r.flags = l.run - 1, r.flags - SLOT
    if l.limit > 0 then l.was_full = true end
  end
end
flush()
return { 'ok', r.fact }
