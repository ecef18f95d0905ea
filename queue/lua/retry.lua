-- retry: failed stages (and cancelled ones, unless only failed) start over, with what was skipped for them.
--
-- KEYS  farm prefix
-- ARGV  "stage" pipeline name | "pipeline" pipeline "" | "batch" batch index to go on from, only failed ("1")
-- reply "ok" | "unknown" | "busy" (its cancelling is not over) | "not", stages reset, index to go on from or 0
--
-- Invariant: a stage that is done stays done: its output is never made again. Pipelines that had ended are
-- admitted again under max_parallel; the batch runs again and does not expire.
local what, target, failed_only = ARGV[1], ARGV[2], ARGV[4] == '1'
local count = 0

local function reset(p, i)
  local r = rec(p, i)
  local was_prepared = band(r.flags, PREPARED) ~= 0
  move(p, i, 'b', r)
  if was_prepared then put(p, 'd' .. i, call('HGET', p.key, 'D' .. i)) end
  r.attempts, r.kills, r.flags, r.lane, r.class = 0, 0, 0, '', 255
  r.ready, r.started, r.ended, r.due, r.first = 0, 0, 0, 0, 0
  put(p, 'm' .. i, '')
  count = count + 1
end

-- The chosen ones, and all that was skipped or cancelled on the way behind them.
local function closure(p, chosen)
  local grew = true
  while grew do
    grew = false
    for i = 0, p.count - 1 do
      local l = letter(p, i)
      if not chosen[i] and (l == 't' or l == 'x' or l == 's') then
        local mask = p.plan[i].mask
        for j = 0, p.count - 1 do
          if chosen[j] and band(mask, BIT[j]) ~= 0 then
            chosen[i], grew = true, true
          end
        end
      end
    end
  end
end

local function revive(p, b)
  local v = call('HMGET', p.key, 'e', 'a')
  local how = tonumber(v[1]) or 0
  if how ~= 0 then
    local counter = how == 3 and 'failed' or how == 4 and 'cancelled' or 'done'
    b[counter] = b[counter] - 1
    put(p, 'e', 0)
    p.over = false
    b.wait = b.wait + 1
    if b.maxp == 0 or b.active < b.maxp then
      b.wait = b.wait - 1
      return admit(p)
    end
    put(p, 'a', 0)
    b.rewait = b.rewait + 1
    return call('ZADD', b.key .. ':wait', p.index, p.index)
  end
  if v[2] == '1' then
    for i = 0, p.count - 1 do resolve(p, i) end
  end
end

local function retry_pipe(p, b, only)
  if not p.s then return end
  local chosen, any = {}, false
  for i = 0, p.count - 1 do
    local l = letter(p, i)
    if (only == nil or only == i) and (l == 'f' or (l == 'x' and not failed_only)) then chosen[i], any = true, true end
  end
  if not any then return end
  closure(p, chosen)
  for i = 0, p.count - 1 do if chosen[i] then reset(p, i) end end
  p.ending = false
  revive(p, b)
end

local bid = match(target, '^[^-]+')
local b = batch(bid)
if b.sealed == 0 or b.gone == 1 then return { 'unknown', 0, 0 } end
if call('SISMEMBER', P .. 'sweeps', bid) == 1 or b.nc > 0 and b.cancel == 1 then return { 'busy', 0, 0 } end
begin()
b.cancel = 0
local following = 0
if what == 'batch' then
  local from = tonumber(ARGV[3])
  local to = min(b.total, from + 255)
  for index = from, to do
    local p = pipe(bid .. '-' .. int(index))
    if p then retry_pipe(p, b, nil) end
  end
  following = to < b.total and to + 1 or 0
else
  local p = pipe(target)
  local i = p and what == 'stage' and stage_index(p, ARGV[3]) or nil
  if not p or (what == 'stage' and not i) then return { 'unknown', 0, 0 } end
  retry_pipe(p, b, i)
  if count == 0 then return { 'not', 0, 0 } end
end
if count > 0 and b['end'] ~= 0 then
  b['end'], b.ended = 0, 0
  call('ZREM', P .. 'expire', bid)
  event(bid, 'running', 'retried')
end
flush()
return { 'ok', count, following }
