-- turn: one call of a busy host's loop turn: endings, due stages, claims.
--
-- KEYS  farm prefix
-- ARGV  host, nonce ("" claims nothing), most stages to claim, free slots media, remote, gpu, poison_kills,
--       then per ending three: head <B stage, I4 epoch, B class, B policy (verdict.h; 4: given back),
--       B flags (1 kill, 2 counts for the breaker), d after_ms, s pipeline, s class name>, message, result
-- reply codes (a letter per ending: k taken or known, o not this attempt's to say), wake seq, us until
--       something is due or -1, is more due now, then per claim four: head <B stage, B is prepare,
--       I4 epoch, I4 attempt, d timeout_ms, s pipeline, s stage, s type, s lane>, definition, context, results
--
-- Invariant: an ending changes a stage only for its current epoch and host, and once; said again it is k
-- and changes nothing. A claim repeated under its nonce gives the same attempts, those still running.
local host, nonce, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local free = { tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]) }
local poison = tonumber(ARGV[7])
local HOSTKEY = P .. 'host:' .. host
begin()

-- ---- endings, in a function of their own for the reason given in _lib.lua

local finish, fail = (function()

local STREAK, STREAK_PERMANENT = 5, 10

local function remember(p, i, r, class, message)
  local h = call('HGET', p.key, 'h' .. i) or ''
  local line = fmt('{"attempt":%d,"host":%s,"class":"%s","message":%s,"started":%.0f,"ended":%.0f}',
    r.attempts, cjson.encode(r.host), class, cjson.encode(message), r.started, now)
  h = h == '' and line or h .. '\n' .. line
  local _, lines = string.gsub(h, '\n', '')
  while lines >= 20 do
    h = match(h, '\n(.*)$')
    lines = lines - 1
  end
  put(p, 'h' .. i, h)
end

local function fail(p, i, r, class, message)
  r.ended, r.class = now, class
  put(p, p.plan[i].m, message)
  move(p, i, 'f', r, clean(message))
  settle_dependents(p, i)
end

-- Nothing is claimed from a cordoned lane but, at probe_at, one stage; its good end reopens the lane.
local function cordon(l, reason)
  l.probe_delay = l.probe_delay == 0 and 30000000 or min(l.probe_delay * 2, 600000000)
  l.probe_at, l.probe, l.cordoned, l.reason = now + l.probe_delay, '', 1, reason
  sooner(l.probe_at)
  event('lane:' .. l.name, 'cordoned', clean(reason))
end

local function reopen(l)
  l.cordoned, l.probe, l.probe_at, l.probe_delay, l.reason, l.streak, l.class = 0, '', 0, 0, '', 0, ''
  woken[l.name] = true
  event('lane:' .. l.name, 'open')
end

local function lane_good(l, is_probe, is_done)
  if l.streak > 0 then l.streak, l.class, l.last = 0, '', '' end
  if l.cordoned == 1 and l.probe_at > 0 and (is_probe or is_done) then reopen(l) end
end

-- The same stage failing over and over is one witness, not five.
local function lane_streak(l, class, code, who, bid)
  if l.class == class and l.code == code then
    if l.last ~= who then l.streak = l.streak + 1 end
    if l.from ~= bid then l.spread = 1 end
  else
    l.class, l.code, l.streak, l.from, l.spread = class, code, 1, bid, 0
  end
  l.last = who
end

local function end_badly(p, i, r, l, e)
  if e.name == 'cancelled' then
    r.ended, r.class = now, e.class
    put(p, p.plan[i].m, e.message ~= '' and e.message or 'cancelled')
    move(p, i, 'x', r, clean(e.message))
    return settle_dependents(p, i)
  end
  local code = match(e.message, '^[^:]*')
  if e.name ~= 'permanent' then
    lane_good(l, e.is_probe, false)
  else
    lane_streak(l, e.name, code, member(p, i), p.b.id)
  end
  r.attempts = r.attempts + 1
  remember(p, i, r, e.name, e.message)
  if e.name == 'permanent' and (e.is_probe or (l.streak >= STREAK_PERMANENT and l.spread == 1)) then
    -- So many in a row with one code are the far side's doing: these stages wait for a person, unspent.
    local why = fmt('held: lane %s ended %d stages in a row with "%s": %s', l.name, l.streak, code, e.message)
    if e.is_probe or l.cordoned == 0 then cordon(l, 'permanent: ' .. e.message) end
    r.ended, r.class = now, e.class
    put(p, p.plan[i].m, why)
    return move(p, i, 'h', r, clean(why))
  end
  fail(p, i, r, e.class, e.message)
end

local function backoff(p, i, r, e)
  local max_attempts, base, longest, factor, _, _, total = limits(p, i)
  if r.kills >= poison and e.kill then
    return fail(p, i, r, e.class, fmt('poison: it took %d workers along; the last: %s', r.kills, e.message))
  end
  if r.attempts >= max_attempts then return fail(p, i, r, e.class, e.message) end
  -- Full jitter. Redis seeds Lua's generator the same for every call, so the seed is the clock, the
  -- pipeline's index and the epoch.
  math.randomseed((now + run_sum(p.index, i, r.epoch)) % 2147483647)
  math.random()
  local ceiling = min(longest, base * factor ^ (r.attempts - 1))
  local delay = e.after > 0 and e.after + math.random() * min(base, e.after) or math.random() * ceiling
  r.due, r.ended, r.class = now + floor(delay * 1000), now, e.class
  put(p, p.plan[i].m, e.message)
  move(p, i, 'w', r, clean(e.name .. ': ' .. e.message))
  local at = total > 0 and min(r.due, r.first + total * 1000) or r.due
  due[member(p, i)] = at
end

local function hold_lane(l, e)
  local reason = e.name .. ': ' .. e.message
  if l.kind == 1 then
    -- All of a host's media work shares "cpu": it must heal by itself when, say, disk is free again.
    if l.cordoned == 0 or e.is_probe then cordon(l, reason) end
  elseif l.paused == 0 then
    l.paused, l.reason = 1, reason
    event('lane:' .. l.name, 'paused', clean(reason))
  end
end

local function try_again(p, i, r, l, e)
  if e.is_probe and not e.counts then l.probe, l.probe_at = '', now + l.probe_delay end
  if e.counts then
    lane_streak(l, e.name, '', member(p, i), p.b.id)
    if l.cordoned == 1 or l.streak >= STREAK then
      if l.cordoned == 0 or e.is_probe then cordon(l, e.name .. ': ' .. e.message) end
      return give_back(p, i, r, 'unharmed: the lane is cordoned')
    end
  end
  run_remove(host, p, i, r.epoch)
  r.attempts = r.attempts + 1
  if e.kill then r.kills = r.kills + 1 end
  remember(p, i, r, e.name, e.message)
  backoff(p, i, r, e)
end

local function prepared(p, i, r, l, e)
  lane_good(l, e.is_probe, true)
  put(p, 'd' .. i, e.result)
  if call('HEXISTS', p.key, 'D' .. i) == 0 then put(p, 'D' .. i, call('HGET', p.key, 'd' .. i)) end
  move(p, i, 'b', r)
  if band(r.flags, SLOT) ~= 0 then -- kept for a live fact; a slot of this lane is no slot of the next
    l.run, r.flags = l.run - 1, r.flags - SLOT
  end
  r.flags, r.lane = bor(r.flags, PREPARED), e.message
  r.dirty = true
  if p.plan[i].approve then
    local why = 'waits for approval: reel approve ' .. p.id .. '/' .. name_of(p, i)
    put(p, p.plan[i].m, why)
    return move(p, i, 'h', r, why)
  end
  if e.message ~= '' then call('SADD', P .. 'lanes', e.message) end
  make_ready(p, i, r, p.plan[i].mask)
end

local function done(p, i, r, l, class, result, is_probe)
  if l.streak > 0 or l.cordoned == 1 then lane_good(l, is_probe, true) end
  r.ended, r.class, r.attempts = now, class, r.attempts + 1
  result = result ~= '' and result or '{}'
  put(p, p.plan[i].r, result)
  p.fresh, p.result = i, result
  move(p, i, 'd', r)
  settle_dependents(p, i)
  return 'k'
end

local function skipped(p, i, r, l, e)
  lane_good(l, e.is_probe, true)
  r.ended, r.class, r.attempts = now, e.class, r.attempts + 1
  put(p, p.plan[i].m, e.message ~= '' and e.message or 'its `if:` is false')
  move(p, i, 's', r, clean(e.message))
  settle_dependents(p, i)
end

-- The next stage in line is mostly the one that becomes ready, and is claimed below: what its claim needs
-- comes along with what the ending needs.
local will_claim = nonce ~= '' and most > 0 and free[1] + free[2] + free[3] > 0
local function pipe_ahead(pid, i)
  if not will_claim then return pipe(pid, i) end
  local v = call('HMGET', P .. 'p:' .. pid, 'x', 's', field(K, 'k', i), 'c', field(K, 'k', i + 1), field(D, 'd', i + 1))
  if not v[1] then return nil end
  local p = pipe_of(pid, v[1], v[2])
  p[i] = decode(v[3])
  if v[6] then p.ahead, p.ahead_k, p.ahead_d, p.c = i + 1, v[5], v[6], v[4] end
  return p
end

local function finish(at)
  local i, epoch, class, policy, flags, after, pid, name = upk('<BI4BBBdss', ARGV[at])
  local p = pipes[pid] or pipe_ahead(pid, i)
  if not p or not p.s or i >= p.count then return 'o' end
  local r = rec(p, i)
  if r.epoch ~= epoch or r.host ~= host then return 'o' end
  local was = letter(p, i)
  if not RUNS[was] then return 'k' end
  if policy == 4 then
    give_back(p, i, r, 'given back')
    return 'k'
  end
  local l = lane((lane_of(p, i, r)))
  if policy == 0 and name == 'done' and l.probe == '' then
    run_remove(host, p, i, epoch)
    return done(p, i, r, l, class, ARGV[at + 2], false)
  end
  local e = { class = class, name = name, after = after, message = ARGV[at + 1], result = ARGV[at + 2],
    kill = band(flags, 1) ~= 0, counts = band(flags, 2) ~= 0,
    is_probe = l.probe ~= '' and l.probe == member(p, i) .. '.' .. num(epoch) }
  if was == 'c' and not (policy == 0 and name == 'done') then
    e.name, e.class, policy = 'cancelled', class, 3
    if e.is_probe then l.probe, l.probe_at = '', now end
  end
  if policy == 0 and name == 'prepared' then
    run_remove(host, p, i, epoch)
    prepared(p, i, r, l, e)
  elseif policy == 0 and name == 'skipped' then
    run_remove(host, p, i, epoch)
    skipped(p, i, r, l, e)
  elseif policy == 0 then
    run_remove(host, p, i, epoch)
    done(p, i, r, l, class, e.result, e.is_probe)
  elseif policy == 1 then
    try_again(p, i, r, l, e)
  elseif policy == 2 then
    hold_lane(l, e)
    give_back(p, i, r, clean(e.name .. ': ' .. e.message))
  else
    run_remove(host, p, i, epoch)
    end_badly(p, i, r, l, e)
  end
  return 'k'
end

return finish, fail
end)()

-- ---- due: backoffs that are over, waits that were too long

local function fire(m)
  undue[m] = true
  local pid, i = match(m, '^(.*)%.(%d+)$')
  i = tonumber(i)
  local p = pipe(pid, i)
  if not p or not p.s then return end
  local l, r = letter(p, i), rec(p, i)
  if l ~= 'w' and l ~= 'r' and l ~= 'p' then return end
  local _, _, _, _, _, queue_ms, total_ms = limits(p, i)
  if total_ms > 0 and r.first > 0 and now >= r.first + total_ms * 1000 then
    return fail(p, i, r, r.class, fmt('timeout: not done within its limit of %d ms in total', total_ms))
  end
  if l == 'w' then
    if r.due > now then due[m] = r.due else make_ready(p, i, r, p.plan[i].mask) end
  elseif queue_ms > 0 and now >= r.ready + queue_ms * 1000 then
    fail(p, i, r, r.class, fmt('timeout: waited in lane %s for longer than its limit of %d ms',
      (lane_of(p, i, r)), queue_ms))
  else
    due[m] = wait_ends(p, i, r) or nil
  end
end

local codes = {}
for at = 8, #ARGV, 3 do codes[#codes + 1] = finish(at) end
local ripe = call('ZRANGEBYSCORE', P .. 'due', '-inf', int(now), 'LIMIT', 0, 200)
for _, m in ipairs(ripe) do fire(m) end
settle()

-- ---- claims

local claim_all, repeat_claim, claimed, reply = (function()

local reply, claimed, shapes, lists = {}, {}, {}, {}

-- The stages of a mask; made once a call.
local function wanted(mask)
  local list = lists[mask]
  if not list then
    list = list_of(mask, 32)
    lists[mask] = list
  end
  return list
end

local function results(p, mask, v, at)
  if mask == 0 then return '' end
  local list = wanted(mask)
  if not list[2] then return v[at] and p.plan[list[1]].head .. v[at] or '' end
  local out, n = {}, 0
  for _, j in ipairs(list) do
    if v[at] then
      n = n + 1
      out[n] = p.plan[j].head .. v[at]
    end
    at = at + 1
  end
  return table.concat(out, ',')
end

local function timeout_of(p, i, r)
  if not p.plan[i].limits then return 0 end
  local _, _, _, _, attempt_ms, _, total_ms = limits(p, i)
  if total_ms == 0 then return attempt_ms end
  local left = max(1, floor(total_ms - (now - r.first) / 1000))
  return attempt_ms > 0 and min(attempt_ms, left) or left
end

local replies = 0
local function emit(p, i, r, lane_name, definition, context, given)
  local stage, n = p.plan[i], replies
  replies = n + 4
  reply[n + 1] = pack('<BBI4I4dssss', i, is_raw(stage, r) and 1 or 0, r.epoch, r.attempts + 1, timeout_of(p, i, r),
    p.id, stage.name, stage.type, lane_name)
  reply[n + 2], reply[n + 3], reply[n + 4] = definition or '{}', context or '{}', given
end

-- One HMGET brings all that the claim needs: pipeline, record, definition, context, results.
local function fetch(pid, i, mask, bid, index)
  local shape = mask * 32 + i
  local fields = shapes[shape]
  if not fields then
    fields = { 'x', 's', 'k' .. i, 'd' .. i, 'c' }
    for _, j in ipairs(wanted(mask)) do fields[#fields + 1] = 'r' .. j end
    shapes[shape] = fields
  end
  local known = pipes[pid]
  if known and (known.touched or known.field) then save_pipe(known) end
  local v = call('HMGET', P .. 'p:' .. pid, unpack(fields))
  if not v[1] then return nil end
  local p = pipes[pid] or pipe_of(pid, v[1], v[2], bid, index)
  if not p.s then return nil end
  if not p[i] then p[i] = decode(v[3]) end
  return p, v
end

local function claim_this(l, p, i, r, lane_name, since, definition, context, given)
  r.epoch, r.started, r.ready, r.ended, r.host = r.epoch + 1, now, since, 0, host
  move(p, i, letter(p, i) == 'p' and 'q' or 'u', r, host)
  claimed[#claimed + 1] = run_add(host, p, i, r.epoch)
  emit(p, i, r, lane_name, definition, context, given)
  if l.cordoned == 1 then l.probe = claimed[#claimed] end
end

-- One that became ready in this call; often all it needs is here.
local function claim_gathered(l, p, i, mask)
  if not WAITS[letter(p, i)] then return false end
  local r = rec(p, i)
  local lane_name = lane_of(p, i, r)
  if lane_name ~= l.name then return false end
  if p.ahead == i and p.c and p.fresh and mask == BIT[p.fresh] then
    claim_this(l, p, i, r, lane_name, now, p.ahead_d, p.c, p.plan[p.fresh].head .. p.result)
  else
    local _, v = fetch(p.id, i, mask)
    claim_this(l, p, i, r, lane_name, now, v[4], v[5], results(p, mask, v, 6))
  end
  return true
end

local function claim_one(l, bid, entry)
  local index, i, mask, since = match(entry, '^(%d+)%.(%d+)%.(%d+)%.(%d+)$')
  i, mask = tonumber(i), tonumber(mask)
  local p, v = fetch(bid .. '-' .. index, i, mask, bid, index)
  if not p or not WAITS[letter(p, i)] then return false end
  local r = p[i]
  local lane_name = lane_of(p, i, r)
  if lane_name ~= l.name then return false end
  claim_this(l, p, i, r, lane_name, tonumber(since), v[4], v[5], results(p, mask, v, 6))
  return true
end

-- How many this lane may give now.
local function allowance(l, want)
  if l.paused == 1 then return 0 end
  if l.cordoned == 1 then
    if l.probe_at == 0 or l.probe ~= '' then return 0 end
    if now < l.probe_at then
      sooner(l.probe_at)
      return 0
    end
    want = min(want, 1)
  end
  return want
end

local function limited(l, want)
  if l.limit > 0 then want = min(want, l.limit - l.run) end
  if l.rate > 0 then
    local burst = l.burst > 0 and l.burst or max(1, l.rate)
    l.tokens = l.stamp == 0 and burst or min(burst, l.tokens + (now - l.stamp) / 1000000 * l.rate)
    l.stamp = now
    if l.tokens < 1 then sooner(now + math.ceil((1 - l.tokens) / l.rate * 1000000)) end
    want = min(want, floor(l.tokens))
  end
  return max(want, 0)
end

-- Stages that still have their slot: before all others.
local function claim_resumed(l, want)
  local got = 0
  while got < want do
    local entry = call('LPOP', P .. 'resume:' .. l.name)
    if not entry then
      call('SREM', P .. 'work', '!:' .. l.name)
      break
    end
    local bid, tail = match(entry, '^([^-]+)%-(.*)$')
    if claim_one(l, bid, tail) then got = got + 1 end
  end
  return got
end

-- Round robin: every batch of the ring gives its share, then the next round. Within a batch what has just become
-- ready goes first: its pipeline is at hand, and pipelines begun are ended before others are begun.
local function claim_ring(l, prio, want)
  want = limited(l, want)
  local ring = P .. 'ring:' .. l.name .. ':' .. prio
  local got = 0
  local length = want > 0 and call('LLEN', ring) or 0
  while got < want and length > 0 do
    local share = max(1, floor((want - got) / length))
    for _ = 1, length do
      if got >= want then break end
      local bid = call('LMOVE', ring, ring, 'LEFT', 'RIGHT')
      if not bid then
        length = 0
        break
      end
      local key = l.name .. ':' .. bid
      local q, still = queues[key], min(share, want - got)
      while q and q.n > 0 and still > 0 do
        local n = q.n
        q.n = n - 1
        if claim_gathered(l, q.pipes[n], q.stages[n], q.masks[n]) then got, still = got + 1, still - 1 end
      end
      local entries = still > 0 and call('LPOP', P .. 'q:' .. key, still) or {}
      for _, entry in ipairs(entries) do
        if claim_one(l, bid, entry) then got = got + 1 end
      end
      if (not q or q.n == 0) and call('EXISTS', P .. 'q:' .. key) == 0 then
        call('LREM', ring, 0, bid)
        length = length - 1
      end
    end
  end
  if length == 0 and want > 0 then call('SREM', P .. 'work', prio .. ':' .. l.name) end
  if l.rate > 0 then l.tokens = l.tokens - got end
  return got
end

-- Lanes of one priority share a kind's slots in equal rounds.
local function claim_level(names)
  while true do
    local any = false
    local share = { 0, 0, 0 }
    for _, w in ipairs(names) do if not w.dry then share[w.lane.kind] = share[w.lane.kind] + 1 end end
    for _, w in ipairs(names) do
      local k = w.lane.kind
      local want = min(math.ceil(free[k] / max(1, share[k])), free[k], most)
      if not w.dry and want > 0 then
        local allowed = allowance(w.lane, want)
        local got = 0
        if allowed > 0 then
          got = w.prio == '!' and claim_resumed(w.lane, allowed) or
            w.prio ~= '!' and claim_ring(w.lane, w.prio, allowed) or 0
        end
        if got < want then w.dry = true end
        free[k], most = free[k] - got, most - got
        any = any or got > 0
      end
    end
    if not any or most <= 0 then return end
  end
end

local function claim_all()
  local work = call('SMEMBERS', P .. 'work')
  table.sort(work)
  local level, names = nil, {}
  for _, entry in ipairs(work) do
    local prio, name = match(entry, '^(.):(.*)$')
    if prio ~= level then
      claim_level(names)
      level, names = prio, {}
    end
    if most <= 0 then break end
    names[#names + 1] = { prio = prio, lane = lane(name) }
  end
  claim_level(names)
end

-- The reply to a claim got lost: the same attempts again, those still ours.
local function repeat_claim(list)
  for entry in string.gmatch(list, '%S+') do
    local p, i, r = current(entry, host)
    if p and letter(p, i) == 'c' then
      give_back(p, i, r, 'cancelled before it began')
    elseif p then
      local mask = p.plan[i].mask
      local _, v = fetch(p.id, i, mask)
      local lane_name = lane_of(p, i, r)
      emit(p, i, r, lane_name, v[4], v[5], results(p, mask, v, 6))
    end
  end
end

return claim_all, repeat_claim, claimed, reply
end)()

if nonce ~= '' and (free[1] > 0 or free[2] > 0 or free[3] > 0) and most > 0 then
  local last = call('HMGET', HOSTKEY, 'nonce', 'claim')
  if last[1] == nonce then
    repeat_claim(last[2])
  else
    announce_queues()
    claim_all()
    if #claimed > 0 then call('HSET', HOSTKEY, 'nonce', nonce, 'claim', table.concat(claimed, ' ')) end
  end
end

flush()
local head = call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')
if head[2] then sooner(tonumber(head[2])) end
local wait = next_due and max(0, next_due - now) or -1
return { table.concat(codes), wake_seq, wait, #ripe >= 200 and 1 or 0, unpack(reply) }
