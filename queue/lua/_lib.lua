-- The shared prelude of every script: records, counters, queues, and how they are written back.
-- docs/protocol.md ("Keys") lists every key and field; this comment only says how the code works.
--
-- KEYS[1]  "reel:{farm}:"; every other key is derived from it, so a farm lives in one slot.
--
-- A script reads what it needs into Lua tables (pipeline, batch, lane: each once per call), changes
-- the tables through move(), and flush() writes all of it: one HSET per pipeline, batch and lane,
-- one RPUSH per queue, one XADD for all transitions. Invariants every script keeps:
--   * a batch's n* counters equal the letters in the `s` fields of its pipelines (unadmitted: none)
--   * a lane's `rdy` counts its stages in r and p, `run` those that occupy a slot (record flag SLOT)
--   * a batch is on ring:<lane>:<prio> if and only if its queue there is not empty and it is sealed,
--     neither paused nor cancelling; "<prio>:<lane>" is in `work` iff that ring is not empty
--   * queue entries are hints: a claim believes only the letter in `s`
--   * the first write of a call is one that Redis refuses when out of memory (begin), so a call
--     happens wholly or not at all
-- Redis 6.2 is the oldest server: LPOP with count, LMOVE and MINID are its newest commands used here.
local P, call = KEYS[1], redis.call
local sub, fmt, match = string.sub, string.format, string.match
local pack, upk, band, bor = struct.pack, struct.unpack, bit.band, bit.bor
local floor, min, max = math.floor, math.min, math.max
local FARM = P .. 'farm'
if redis.replicate_commands then redis.replicate_commands() end

-- One clock: Redis TIME, never going back. `skew` is what beat.lua adds after TIME was set back;
-- `offset` exists in tests only.
local now, wake_seq
do
  local t = call('TIME')
  local f = call('HMGET', FARM, 'clock', 'skew', 'offset', 'wake')
  local raw, clock = t[1] * 1000000 + t[2] + (f[3] or 0), tonumber(f[1]) or 0
  now = raw + (f[2] or 0)
  -- Put right again: with the skew still on top, time would jump by it.
  if now < clock then now = clock elseif f[2] and raw >= clock then now = raw end
  wake_seq = tonumber(f[4]) or 0
end

local pipes, plans, chains, batches, lanes = {}, {}, {}, {}, {}
local queues, events, woken, told, due, undue = {}, {}, {}, {}, {}, {}
local ran, freed, sums, next_due = {}, {}, {}, nil
local any_ending = false
-- Of turn-1-plain.lua: what it adds to a plan; and a pipeline kept as a chain is written back before anyone looks at it.
local make_plain, unchain
-- 2^j.
local BIT = { [0] = 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072,
  262144, 524288, 1048576, 2097152, 4194304, 8388608, 16777216, 33554432, 67108864, 134217728, 268435456,
  536870912, 1073741824, 2147483648 }

local function begin() call('HSET', FARM, 'clock', fmt('%.0f', now)) end

-- Lua's stack limits what unpack can pass: long lists go in slices.
local function send(command, key, list)
  local n, last = #list, nil
  for from = 1, n, 1000 do last = call(command, key, unpack(list, from, min(from + 999, n))) end
  return last
end

-- Turning a number into text costs as much as a small Redis command: texts of small numbers, of field names
-- and of the time are made once per call.
local function int(x) return fmt('%.0f', x) end
local NOW = int(now)
local NUM, K, D = {}, {}, {}
local function num(i)
  local t = NUM[i]
  if not t then
    t = int(i)
    NUM[i] = t
  end
  return t
end
local function field(memo, prefix, i)
  local t = memo[i]
  if not t then
    t = prefix .. i
    memo[i] = t
  end
  return t
end
local function sooner(at) if not next_due or at < next_due then next_due = at end end

-- Letters of `s`: blocked, preparing (waiting, running), ready, running, backoff (waits), held,
-- cancelling, done, failed, skipped, skipped because something failed (tainted), cancelled.
local COUNT = { b = 'nb', p = 'np', q = 'nq', r = 'nr', u = 'nu', w = 'nw', h = 'nh', c = 'nc',
  d = 'nd', f = 'nf', s = 'ns', t = 'nt', x = 'nx' }
local WORD = { b = 'blocked', p = 'preparing', q = 'preparing', r = 'ready', u = 'running', w = 'backoff',
  h = 'held', c = 'cancelling', d = 'done', f = 'failed', s = 'skipped', t = 'skipped', x = 'cancelled' }
local WAITS, RUNS = { r = 1, p = 1 }, { u = 1, q = 1, c = 1 }
local FINAL = { d = 1, f = 1, s = 1, t = 1, x = 1 }

-- All that follows, the script included, is one inner function (end_.lua closes it). The reason is speed: Lua 5.1
-- finds a captured local of the enclosing function by walking a list of all captured ones, but takes those
-- of outer functions directly; the scripts' ~100 closures would cost 60 us a call. At most 60 of the names above may
-- be used below.
return (function()

-- Records with numbers and texts, read once, written back where they changed. `o` comes with all its fields: a table
-- that has to grow field by field costs more than reading it. The first `numbers` of the names are numbers.
local function load(key, names, numbers, o)
  local v, known = call('HMGET', key, unpack(names)), false
  for i = 1, #names do
    local x = v[i]
    if x then
      known = true
      if i <= numbers then x = tonumber(x) end
      o[names[i]], v[i] = x, x
    else
      v[i] = o[names[i]]
    end
  end
  o.key, o.names, o.was, o.known = key, names, v, known
  return o
end

local function save(o)
  local out, n, names, was = {}, 0, o.names, o.was
  for i = 1, #names do
    local x = o[names[i]]
    if x ~= was[i] then
      out[n + 1], out[n + 2], n = names[i], x, n + 2
      was[i] = x
    end
  end
  if n > 0 then call('HSET', o.key, unpack(out)) end
end

local BATCH = { 'prio', 'maxp', 'retention', 'total', 'added', 'sealed', 'paused', 'cancel', 'created', 'ended',
  'end', 'next', 'active', 'wait', 'rewait', 'done', 'failed', 'cancelled', 'cur', 'gone',
  'nb', 'np', 'nq', 'nr', 'nu', 'nw', 'nh', 'nc', 'nd', 'nf', 'ns', 'nt', 'nx' }
local function batch(bid)
  local b = batches[bid]
  if not b then
    b = load(P .. 'b:' .. bid, BATCH, #BATCH, { prio = 0, maxp = 0, retention = 0, total = 0, added = 0, sealed = 0,
      paused = 0, cancel = 0, created = 0, ended = 0, ['end'] = 0, next = 0, active = 0, wait = 0, rewait = 0,
      done = 0, failed = 0, cancelled = 0, cur = 0, gone = 0, nb = 0, np = 0, nq = 0, nr = 0, nu = 0, nw = 0, nh = 0,
      nc = 0, nd = 0, nf = 0, ns = 0, nt = 0, nx = 0, id = bid, key = '', names = BATCH, was = false, known = false })
    batches[bid] = b
  end
  return b
end

local LANE = { 'limit', 'rate', 'burst', 'tokens', 'stamp', 'run', 'rdy', 'paused', 'cordoned', 'probe_at',
  'probe_delay', 'streak', 'spread', 'reason', 'probe', 'class', 'code', 'last', 'from' }
local LANE_NUMBERS = 13
local function lane(name)
  local l = lanes[name]
  if not l then
    l = load(P .. 'lane:' .. name, LANE, LANE_NUMBERS, { limit = 0, rate = 0, burst = 0, tokens = 0, stamp = 0,
      run = 0, rdy = 0, paused = 0, cordoned = 0, probe_at = 0, probe_delay = 0, streak = 0, spread = 0, reason = '',
      probe = '', class = '', code = '', last = '', from = '', name = name, kind = 0, key = '', names = LANE,
      was = false, known = false })
    l.kind = name == 'cpu' and 1 or (sub(name, 1, 4) == 'gpu:' and 3 or 2)
    lanes[name] = l
  end
  return l
end

-- A stage's record: field k<i> of its pipeline.
local REC = '<I4I4I2BBBdddddss'
local PREPARED, SLOT = 1, 2
local function decode(k)
  if not k then
    return { epoch = 0, attempts = 0, kills = 0, flags = 0, fact = 0, class = 255, ready = 0, started = 0,
      ended = 0, due = 0, first = 0, host = '', lane = '', dirty = false }
  end
  local epoch, attempts, kills, flags, fact, class, ready, started, ended, due_at, first, host, its_lane = upk(REC, k)
  return { epoch = epoch, attempts = attempts, kills = kills, flags = flags, fact = fact, class = class,
    ready = ready, started = started, ended = ended, due = due_at, first = first, host = host, lane = its_lane,
    dirty = false }
end

-- The plan `x`: version, count, a row of 26 bytes per stage (I4 inputs, needs, dependents; I2 offset and
-- length of name, type, lane; I2 flags), then the texts. `y` has seven doubles per stage: max_attempts,
-- base_ms, max_ms, factor, attempt_ms, queue_ms, total_ms.
-- Most pipelines of a batch have the same plan, and Lua keeps equal texts once: decoded once a call.
local APPROVE, PREPARE, LIMITS = 1, 2, 4
local function list_of(mask, count)
  local list = {}
  for j = 0, count - 1 do
    if band(mask, BIT[j]) ~= 0 then list[#list + 1] = j end
  end
  return list
end
local function plan_of(x)
  local plan = { count = string.byte(x, 2) }
  for i = 0, plan.count - 1 do
    local inputs, needs, dependents, name_at, name_len, type_at, type_len, lane_at, lane_len, flags =
      upk('<I4I4I4I2I2I2I2I2I2I2', x, 3 + i * 26)
    local mask = bor(inputs, needs)
    plan[i] = { inputs = inputs, mask = mask, waits = list_of(mask, plan.count),
      dependents = list_of(dependents, plan.count), name = sub(x, name_at, name_at + name_len - 1),
      type = sub(x, type_at, type_at + type_len - 1), lane = sub(x, lane_at, lane_at + lane_len - 1),
      approve = band(flags, APPROVE) ~= 0, prepare = band(flags, PREPARE) ~= 0, limits = band(flags, LIMITS) ~= 0,
      k = 'k' .. i, r = 'r' .. i, m = 'm' .. i,
      head = '"' .. sub(x, name_at, name_at + name_len - 1) .. '":' }
  end
  if make_plain then make_plain(plan) end
  plans[x] = plan
  return plan
end
local function name_of(p, i) return p.plan[i].name end
local function letter(p, i) return sub(p.s, i + 1, i + 1) end
local function limits(p, i)
  if not p.y then p.y = call('HGET', p.key, 'y') end
  return upk('<ddddddd', p.y, 1 + i * 56)
end
-- Has it yet to be rendered? Then it is the media lane's.
local function is_raw(stage, r) return stage.prepare and not (r and band(r.flags, PREPARED) ~= 0) end
local function lane_of(p, i, r)
  local stage = p.plan[i]
  if stage.prepare and is_raw(stage, r) then return 'cpu' end
  if r and r.lane ~= '' then return r.lane end
  return stage.lane
end

-- Records are p[0] .. p[31]; fields to be written are in p.set, the first of them in p.field, p.value. What is not
-- named here is absent until it is needed: a small table costs less to make.
local function pipe_of(pid, x, s, bid, index)
  if not bid then bid, index = match(pid, '^([^-]+)%-(%d+)$') end
  local p = { id = pid, key = P .. 'p:' .. pid, plan = plans[x] or plan_of(x), s = s or nil, was = s or nil,
    index = index, b = batches[bid] or batch(bid), field = nil }
  p.count = p.plan.count
  pipes[pid] = p
  return p
end

-- The pipeline with stage i's record loaded; nil when there is no such pipeline.
local function pipe(pid, i)
  if chains[pid] then unchain(pid) end
  local p = pipes[pid]
  if not p then
    local v = call('HMGET', P .. 'p:' .. pid, 'x', 's', 'k' .. (i or 0))
    if not v[1] then return nil end
    p = pipe_of(pid, v[1], v[2])
    if i then p[i] = decode(v[3]) end
  end
  return p
end

local function rec(p, i)
  local r = p[i]
  if not r then
    r = decode(not p.is_new and call('HGET', p.key, p.plan[i].k))
    p[i] = r
  end
  return r
end

local function put(p, name, value)
  if not p.field then
    p.field, p.value = name, value
    return
  end
  local set = p.set
  if not set then
    set = {}
    p.set = set
  end
  local n = #set
  set[n + 1], set[n + 2] = name, value
end

local function clean(text) return (string.gsub(sub(text, 1, 300), '%c', ' ')) end
-- `detail` holds no control characters: other people's text goes through clean().
local function event(id, what, detail)
  events[#events + 1] = id .. '\t' .. what .. '\t' .. (detail or '')
end

local function host_told(host, line)
  local list = told[host] or {}
  told[host] = list
  list[#list + 1] = line
end

local function is_live(r) return r.fact == 1 or r.fact == 2 end

-- The only place that changes a letter. r: the stage's record; nil only when it comes from b, where a
-- stage never has a slot. A live fact (something remote exists) keeps the slot until it is settled or
-- the stage ends, however the stage waits.
local function move(p, i, to, r, detail)
  local s, b = p.s, p.b
  local from = sub(s, i + 1, i + 1)
  p.s = sub(s, 1, i) .. to .. sub(s, i + 2)
  p.touched = true
  local old, new = COUNT[from], COUNT[to]
  b[old] = b[old] - 1
  b[new] = b[new] + 1
  local counts = b.sealed == 1
  if r or WAITS[to] then
    local name = lane_of(p, i, r)
    local l = lanes[name] or lane(name)
    if counts then
      if WAITS[from] then l.rdy = l.rdy - 1 end
      if WAITS[to] then l.rdy = l.rdy + 1 end
    end
    if r then
      local has = band(r.flags, SLOT) ~= 0
      local wants = (RUNS[to] or (has and is_live(r) and not FINAL[to])) and true or false
      if has ~= wants then
        l.run = l.run + (wants and 1 or -1)
        r.flags = r.flags + (wants and SLOT or -SLOT)
        if not wants and l.limit > 0 then l.was_full = true end
      end
      r.dirty = true
    end
  end
  if FINAL[to] then
    p.ending = true
    any_ending = true
  end
  if counts then events[#events + 1] = p.id .. '/' .. name_of(p, i) .. '\t' .. WORD[to] .. '\t' .. (detail or '') end
end

-- Queue entries: "<index>.<stage>.<mask of stages whose results it gets>.<ready since>".
local function entry_text(p, i, mask)
  if mask < 0 then mask = mask + 4294967296 end -- bit 31
  return p.index .. '.' .. num(i) .. '.' .. num(mask) .. '.' .. NOW
end

local function queue_new(key, b, lane_name)
  local q = { batch = b, lane = lane_name, n = 0, pipes = {}, stages = {}, masks = {}, chains = {}, on_ring = false }
  queues[key] = q
  return q
end

-- What becomes ready is gathered here: turn.lua may claim it before it is pushed.
local function enqueue(p, i, r, lane_name, mask)
  if r and band(r.flags, SLOT) ~= 0 then
    -- It still has its slot: claimed before all others, free of limits and tokens.
    call('RPUSH', P .. 'resume:' .. lane_name, p.b.id .. '-' .. entry_text(p, i, mask))
    if call('SADD', P .. 'work', '!:' .. lane_name) == 1 then woken[lane_name] = true end
    return
  end
  local key = lane_name .. ':' .. p.b.id
  local q = queues[key] or queue_new(key, p.b, lane_name)
  local n = q.n + 1
  q.n, q.pipes[n], q.stages[n], q.masks[n] = n, p, i, mask
end

local function ring_join(lane_name, b)
  lane(lane_name)
  call('RPUSH', P .. 'ring:' .. lane_name .. ':' .. b.prio, b.id)
  if call('SADD', P .. 'work', b.prio .. ':' .. lane_name) == 1 then woken[lane_name] = true end
end

local function ring_leave(lane_name, b)
  local ring = P .. 'ring:' .. lane_name .. ':' .. b.prio
  call('LREM', ring, 0, b.id)
  if call('EXISTS', ring) == 0 then call('SREM', P .. 'work', b.prio .. ':' .. lane_name) end
end

local function may_run(b) return b.sealed == 1 and b.paused == 0 and b.cancel == 0 end

-- Before claims: the batches of what was gathered are on their rings, as if it had been pushed.
local function announce_queues()
  for key, q in pairs(queues) do
    if not q.on_ring and may_run(q.batch) then
      if call('EXISTS', P .. 'q:' .. key) == 0 then ring_join(q.lane, q.batch) end
      q.on_ring = true
    end
  end
end

local function push_queues()
  for key, q in pairs(queues) do
    queues[key] = nil
    if q.n > 0 then
      local items = {}
      for n = 1, q.n do
        if q.pipes[n] then items[#items + 1] = entry_text(q.pipes[n], q.stages[n], q.masks[n]) end
      end
      local length = send('RPUSH', P .. 'q:' .. key, items)
      if length == #items and length and not q.on_ring and may_run(q.batch) then ring_join(q.lane, q.batch) end
    end
  end
end

local function member(p, i) return p.id .. '.' .. num(i) end

-- When the earliest of a stage's own limits ends; false: none.
local function wait_ends(p, i, r)
  local _, _, _, _, _, queue_ms, total_ms = limits(p, i)
  local at = queue_ms > 0 and r.ready > 0 and r.ready + queue_ms * 1000 or nil
  local total = total_ms > 0 and r.first > 0 and r.first + total_ms * 1000 or nil
  if at and total then return min(at, total) end
  return at or total or false
end

-- Into its lane's queue: r, or p while it has yet to be rendered.
local function make_ready(p, i, r, mask, detail)
  local stage = p.plan[i]
  if stage.limits then
    r = r or rec(p, i)
    r.ready = now
    if r.first == 0 then r.first = now end
    r.dirty = true
    local at = wait_ends(p, i, r)
    if at then due[member(p, i)] = at end
  end
  move(p, i, is_raw(stage, r) and 'p' or 'r', r, detail)
  enqueue(p, i, r, lane_of(p, i, r), mask)
end

local settle_dependents

local function end_unrun(p, i, to, why)
  put(p, p.plan[i].m, why)
  move(p, i, to, nil, why)
  settle_dependents(p, i)
end

-- What a blocked stage becomes now that something it waits for has changed. One that failed, or was
-- skipped because something failed, taints: else a gate whose input failed would let its consumers by.
local function resolve(p, i)
  if letter(p, i) ~= 'b' then return end
  local stage, waits, without = p.plan[i], false, nil
  for _, j in ipairs(stage.waits) do
    local l = letter(p, j)
    if l == 'f' or l == 'x' or l == 't' then
      local how = l == 'f' and 'failed' or l == 'x' and 'was cancelled' or 'was skipped'
      return end_unrun(p, i, 't', 'needs ' .. name_of(p, j) .. ', which ' .. how)
    elseif l == 's' then
      if band(stage.inputs, BIT[j]) ~= 0 then without = j end
    elseif l ~= 'd' then
      waits = true
    end
  end
  if waits then return end
  if without then return end_unrun(p, i, 's', 'needs ' .. name_of(p, without) .. ', which was skipped') end
  if p.b.cancel == 1 then return end_unrun(p, i, 'x', 'the batch was cancelled') end
  if stage.approve and not stage.prepare then
    local why = 'waits for approval: reel approve ' .. p.id .. '/' .. stage.name
    put(p, stage.m, why)
    return move(p, i, 'h', nil, why)
  end
  make_ready(p, i, nil, stage.mask)
end

function settle_dependents(p, i)
  for _, j in ipairs(p.plan[i].dependents) do resolve(p, j) end
end

-- Lets a pipeline in: its stages exist from now on (all blocked), those that wait for nothing go on.
local function admit(p)
  local b = p.b
  if not p.s then
    p.s = string.rep('b', p.count)
    b.nb = b.nb + p.count
  end
  put(p, 'a', 1)
  p.admitted = true
  b.active = b.active + 1
  for i = 0, p.count - 1 do resolve(p, i) end
end

-- A pipeline that gave way in a retry waits in b:<id>:wait; new ones come by index.
local function admit_more(b)
  while b.wait > 0 and (b.maxp == 0 or b.active < b.maxp) and b.cancel == 0 do
    local pid
    if b.rewait > 0 then
      local got = call('ZPOPMIN', b.key .. ':wait')
      b.rewait = b.rewait - 1
      pid = got[1] and b.id .. '-' .. got[1]
    else
      if b.next > b.total then break end
      pid = b.id .. '-' .. int(b.next)
      b.next = b.next + 1
    end
    local p = pid and pipe(pid)
    if p and (not p.s or match(p.s, 'b')) and not p.admitted then
      b.wait = b.wait - 1
      admit(p)
    end
  end
end

local END = { 'done', 'partial', 'failed', 'cancelled' }
local function end_batch(b)
  if b.sealed == 0 or b['end'] ~= 0 or b.done + b.failed + b.cancelled < b.total then return end
  local how = 3
  if b.done == b.total then how = 1
  elseif b.cancelled > 0 and (b.cancel == 1 or b.done + b.failed == 0) then how = 4
  elseif b.done > 0 then how = 2
  elseif b.failed == 0 then how = 4 end
  b['end'], b.ended = how, now
  call('ZADD', P .. 'expire', int(now + b.retention * 1000), b.id)
  event(b.id, 'ended', END[how])
end

local function end_pipe(p)
  p.ending = false
  if p.over or match(p.s, '[bpqruwhc]') then return end
  local b = p.b
  local how = match(p.s, 'f') and 3 or match(p.s, 'x') and 4 or 1
  local counter = how == 3 and 'failed' or how == 4 and 'cancelled' or 'done'
  p.over = true
  put(p, 'e', how)
  b[counter] = b[counter] + 1
  b.active = b.active - 1
  event(p.id, 'ended', END[how])
  admit_more(b)
  end_batch(b)
end

local function settle()
  while any_ending do
    any_ending = false
    local list = {}
    for _, p in pairs(pipes) do if p.ending then list[#list + 1] = p end end
    for _, p in ipairs(list) do end_pipe(p) end
  end
end
