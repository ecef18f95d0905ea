-- cancel: a stage, a pipeline, or a batch (flag first, then chunks of 256 pipelines by "sweep").
--
-- KEYS  farm prefix
-- ARGV  "stage" pipeline name | "pipeline" pipeline | "batch" batch | "sweep" batch
-- reply "ok" | "unknown", stages told to stop or stopped, 1 while a sweep has more to do
--
-- Invariant: from the flag on nothing of the batch is claimed; what runs becomes cancelling, keeps its slot,
-- and its host is told at once; `sweeps` names the batch until the last chunk, so that any host can go on.
local what, target = ARGV[1], ARGV[2]
local count = 0

local function stop(p, i, taints)
  local l = letter(p, i)
  if FINAL[l] or l == 'c' then return end
  local r = l ~= 'b' and rec(p, i) or nil
  count = count + 1
  if RUNS[l] then
    host_told(r.host, 'cancel ' .. p.id .. '/' .. name_of(p, i) .. ' ' .. r.epoch)
    return move(p, i, 'c', r)
  end
  put(p, 'm' .. i, 'cancelled')
  undue[member(p, i)] = true
  move(p, i, 'x', r)
  if taints then settle_dependents(p, i) end
end

local function stop_pipe(p)
  local b = p.b
  if call('HGET', p.key, 'e') and tonumber(call('HGET', p.key, 'e')) ~= 0 then return end
  if call('HGET', p.key, 'a') ~= '1' then -- not admitted: it ends without having begun
    if call('ZREM', b.key .. ':wait', p.index) == 1 then b.rewait = b.rewait - 1 end
    b.wait, b.active = b.wait - 1, b.active + 1
    put(p, 'a', 1)
    if not p.s then
      p.s = string.rep('b', p.count)
      b.nb = b.nb + p.count
    end
  end
  for i = 0, p.count - 1 do stop(p, i, false) end
end

local function sweep(b)
  local from = b.cur + 1
  local to = min(b.added, b.cur + 256)
  for index = from, to do
    local p = pipe(b.id .. '-' .. int(index))
    if p then stop_pipe(p) end
  end
  b.cur = to
  if to < b.added then return 1 end
  b.cur = 0
  call('SREM', P .. 'sweeps', b.id)
  for _, name in ipairs(all_lanes()) do call('DEL', P .. 'q:' .. name .. ':' .. b.id) end
  return 0
end

begin()
local more = 0
if what == 'batch' or what == 'sweep' then
  local b = batch(target)
  if b.sealed == 0 or b.gone == 1 then return { 'unknown', 0, 0 } end
  if what == 'batch' and b['end'] == 0 and b.cancel == 0 then
    b.cancel, b.cur = 1, 0
    rings(b, false)
    call('SADD', P .. 'sweeps', b.id)
    event(b.id, 'cancelling')
  end
  if call('SISMEMBER', P .. 'sweeps', b.id) == 1 then more = sweep(b) end
else
  local p = pipe(target)
  if not p or p.b.sealed == 0 then return { 'unknown', 0, 0 } end
  if what == 'pipeline' then
    stop_pipe(p)
  else
    local i = stage_index(p, ARGV[3])
    if not i then return { 'unknown', 0, 0 } end
    if not p.s then return { 'waiting', 0, 0 } end
    stop(p, i, true)
  end
end
flush()
return { 'ok', count, more }
