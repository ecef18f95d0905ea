-- The second half of the prelude, behind _lib.lua: how what a script changed is written back, and the hands
-- that several scripts share. flush() is the last call of every script that changed anything.

-- Mostly it is the letters, a record or two and one field more: that goes without building a list.
local function save_pipe(p)
  local k1, v1, k2, v2
  for i = 0, p.count - 1 do
    local r = p[i]
    if r and r.dirty then
      r.dirty = false
      if k2 then put(p, k2, v2) end
      k2, v2 = k1, v1
      k1 = p.plan[i].k
      v1 = pack(REC, r.epoch, r.attempts, r.kills, r.flags, r.fact, r.class, r.ready, r.started, r.ended, r.due,
        r.first, r.host, r.lane)
    end
  end
  local set, key = p.set, p.key
  if not set and k1 and p.field and p.s then
    if k2 then
      call('HSET', key, 's', p.s, k1, v1, p.field, p.value, k2, v2)
    else
      call('HSET', key, 's', p.s, k1, v1, p.field, p.value)
    end
  elseif not set and k1 and not k2 and p.s then
    call('HSET', key, 's', p.s, k1, v1)
  else
    if k1 then put(p, k1, v1) end
    if k2 then put(p, k2, v2) end
    if p.s and p.s ~= p.was then put(p, 's', p.s) end
    if p.field then
      set = p.set or {}
      set[#set + 1] = p.field
      set[#set + 1] = p.value
      call('HSET', key, unpack(set))
    end
  end
  p.was, p.touched, p.set, p.field = p.s, false, false, false
end

local function save_pipes()
  for _, p in pairs(pipes) do
    if p.touched or p.field then save_pipe(p) end
  end
end

local function save_due()
  local list, gone = {}, {}
  for m, at in pairs(due) do
    list[#list + 1] = int(at)
    list[#list + 1] = m
    undue[m] = nil
  end
  for m in pairs(undue) do gone[#gone + 1] = m end
  if #list > 0 then send('ZADD', P .. 'due', list) end
  if #gone > 0 then send('ZREM', P .. 'due', gone) end
end

-- The set of what a host runs, and the sum it is compared by (beat.lua).
local function run_sum(index, i, epoch) return (index * 31 + i) * 7919 + epoch * 104729 end
local function run_add(host, p, i, epoch)
  local list = ran[host] or {}
  ran[host] = list
  local entry = p.id .. '.' .. num(i) .. '.' .. num(epoch)
  list[#list + 1] = entry
  sums[host] = (sums[host] or 0) + run_sum(p.index, i, epoch)
  return entry
end
local function run_remove(host, p, i, epoch)
  local list = freed[host] or {}
  freed[host] = list
  list[#list + 1] = p.id .. '.' .. num(i) .. '.' .. num(epoch)
  sums[host] = (sums[host] or 0) - run_sum(p.index, i, epoch)
end

local function save_runs()
  for host, list in pairs(freed) do send('SREM', P .. 'run:' .. host, list) end
  for host, list in pairs(ran) do send('SADD', P .. 'run:' .. host, list) end
  for host, sum in pairs(sums) do
    if sum ~= 0 then call('HINCRBY', P .. 'host:' .. host, 'sum', int(sum)) end
  end
end

-- The stream's ids count transitions: an entry with n of them has the id of its last. A reader sees a
-- gap when an entry's first is not the one after its cursor.
local function publish()
  local n = #events
  if n > 0 then
    local seq = call('HINCRBY', FARM, 'events', n)
    call('XADD', P .. 'events', 'MINID', '~', max(seq - 100000, 0), seq .. '-0',
      'n', n, 't', now, 'd', table.concat(events, '\n'))
    events = {}
  end
  local kinds = { '-', '-', '-' }
  local any = false
  for name in pairs(woken) do
    local l = lanes[name]
    if l.rdy > 0 then -- else this call has claimed it all itself
      kinds[l.kind] = sub('mrg', l.kind, l.kind)
      any = true
    end
  end
  woken = {}
  if any then
    wake_seq = call('HINCRBY', FARM, 'wake', 1)
    call('PUBLISH', P .. 'wake', wake_seq .. ' ' .. table.concat(kinds))
  end
  for host, lines in pairs(told) do call('PUBLISH', P .. 'host:' .. host, table.concat(lines, '\n')) end
end

-- Wakes hosts for lanes that were at their limit and have room and work again.
local function wake_freed()
  for name, l in pairs(lanes) do
    if l.was_full and l.rdy > 0 and (l.limit == 0 or l.run < l.limit) then woken[name] = true end
  end
end

local function flush()
  settle()
  push_queues()
  save_pipes()
  save_due()
  save_runs()
  wake_freed()
  for _, b in pairs(batches) do if b.known then save(b) end end
  for _, l in pairs(lanes) do save(l) end
  publish()
end

-- An attempt that will have no ending of its own goes back unharmed; one that was to stop has stopped.
local function give_back(p, i, r, why)
  local was = letter(p, i)
  run_remove(r.host, p, i, r.epoch)
  local l = lane((lane_of(p, i, r)))
  if l.probe ~= '' and l.probe == member(p, i) .. '.' .. num(r.epoch) then
    l.probe = ''
    l.probe_at = now
  end
  if was == 'c' then
    r.ended = now
    put(p, p.plan[i].m, 'cancelled')
    move(p, i, 'x', r, why)
    return settle_dependents(p, i)
  end
  make_ready(p, i, r, p.plan[i].mask, why)
end

-- "pid.i.epoch" of a run set; gives pipeline, stage and record only while that attempt is the current one.
local function current(entry, host)
  local pid, i, epoch = match(entry, '^(.*)%.(%d+)%.(%d+)$')
  if not pid then return nil end
  i, epoch = tonumber(i), tonumber(epoch)
  local p = pipe(pid, i)
  if not p or not p.s or i >= p.count then return nil end
  local r = rec(p, i)
  if r.epoch ~= epoch or r.host ~= host or not RUNS[letter(p, i)] then return nil end
  return p, i, r
end

-- Takes up to 500 of a host's run set and gives each back; how many are left.
local function give_back_all(host, why)
  local key = P .. 'run:' .. host
  local stale = {}
  for _, entry in ipairs(call('SRANDMEMBER', key, 500)) do
    local p, i, r = current(entry, host)
    if p then give_back(p, i, r, why) else stale[#stale + 1] = entry end
  end
  if #stale > 0 then send('SREM', key, stale) end
  flush()
  return call('SCARD', key)
end

local function stage_index(p, name)
  for i = 0, p.count - 1 do if name_of(p, i) == name then return i end end
  return nil
end

local function all_lanes() return call('SMEMBERS', P .. 'lanes') end

-- Its queues leave the rings (paused, cancelled) or come back.
local function rings(b, joins)
  for _, name in ipairs(all_lanes()) do
    if not joins then
      ring_leave(name, b)
    elseif call('EXISTS', P .. 'q:' .. name .. ':' .. b.id) == 1 then
      ring_join(name, b)
    end
  end
end
