-- turn, endings: what a verdict makes of a stage and its lane. In a function of their own for the reason given in _lib.lua.

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
local function ahead(pid, i)
  return call('HMGET', P .. 'p:' .. pid, 'x', 's', field(K, 'k', i), 'c', field(K, 'k', i + 1), field(D, 'd', i + 1))
end

local function finish(at)
  local i, epoch, class, policy, flags, after, pid, name = upk('<BI4BBBdss', ARGV[at])
  local p = pipes[pid]
  if not p and (chains[pid] or not will_claim) then
    p = pipe(pid, i)
  elseif not p then
    local v = ahead(pid, i)
    if v[1] and policy == 0 and name == 'done' and
      plain_done(v, i, epoch, class, pid, ARGV[at + 2] ~= '' and ARGV[at + 2] or '{}') then return 'k' end
    if v[1] then
      p = pipe_of(pid, v[1], v[2])
      p[i] = decode(v[3])
    end
  end
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

