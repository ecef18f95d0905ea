-- turn, claims: which stages this host gets now, and the reply.

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
local function fetch(pid, i, mask)
  local shape = mask * 32 + i
  local fields = shapes[shape]
  if not fields then
    fields = { 'x', 's', 'k' .. i, 'd' .. i, 'c' }
    for _, j in ipairs(wanted(mask)) do fields[#fields + 1] = 'r' .. j end
    shapes[shape] = fields
  end
  if chains[pid] then unchain(pid) end
  local known = pipes[pid]
  if known and (known.touched or known.field) then save_pipe(known) end
  return call('HMGET', P .. 'p:' .. pid, unpack(fields))
end

local function take(l, entry, head, definition, context, given)
  if not entry then return false end
  local n = replies
  replies = n + 4
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = head, definition, context, given
  claimed[#claimed + 1] = entry
  if l.cordoned == 1 then l.probe = entry end
  return true
end

local function claim_this(l, p, i, r, lane_name, since, definition, context, given)
  r.epoch, r.started, r.ready, r.ended, r.host = r.epoch + 1, now, since, 0, host
  move(p, i, letter(p, i) == 'p' and 'q' or 'u', r, host)
  claimed[#claimed + 1] = run_add(host, p, i, r.epoch)
  emit(p, i, r, lane_name, definition, context, given)
  if l.cordoned == 1 then l.probe = claimed[#claimed] end
end

-- One that became ready in this call.
local function claim_gathered(l, p, i, mask)
  if not WAITS[letter(p, i)] then return false end
  local r = rec(p, i)
  local lane_name = lane_of(p, i, r)
  if lane_name ~= l.name then return false end
  local v = fetch(p.id, i, mask)
  claim_this(l, p, i, r, lane_name, now, v[4], v[5], results(p, mask, v, 6))
  return true
end

local function claim_one(l, bid, entry)
  local index, i, mask, since = match(entry, '^(%d+)%.(%d+)%.(%d+)%.(%d+)$')
  i, mask = tonumber(i), tonumber(mask)
  local pid = bid .. '-' .. index
  local v = fetch(pid, i, mask)
  if not v[1] or not v[2] then return false end
  if not pipes[pid] and take(l, claim_fresh(l, v, pid, bid, tonumber(index), i, tonumber(since))) then return true end
  local p = pipes[pid] or pipe_of(pid, v[1], v[2], bid, index)
  if not p[i] then p[i] = decode(v[3]) end
  if not WAITS[letter(p, i)] then return false end
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
        local p, chain = q.pipes[n], q.chains[n]
        q.chains[n] = nil
        if p and claim_gathered(l, p, q.stages[n], q.masks[n]) or chain and take(l, claim_chain(l, q.batch, q.stages[n], chain)) then
          got, still = got + 1, still - 1
        end
      end
      local entries = still > 0 and call('LPOP', P .. 'q:' .. key, still) or {}
      for _, entry in ipairs(entries) do
        if claim_one(l, bid, entry) then got = got + 1 end
      end
      if (not q or q.n == 0) and call('EXISTS', P .. 'q:' .. key) == 0 then
        call('LREM', ring, 0, bid)
        if q then q.on_ring = false end
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
      local v = fetch(p.id, i, mask)
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

end_plain()
flush()
local head = call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')
if head[2] then sooner(tonumber(head[2])) end
local wait = next_due and max(0, next_due - now) or -1
return { table.concat(codes), wake_seq, wait, #ripe >= 200 and 1 or 0, unpack(reply) }
