-- turn, the plain cases, nine of ten on a busy farm: a stage is done and the one behind it waits for it alone; the last
-- stage of a pipeline is done; a stage that never ran is claimed. The general way takes a pipeline apart into tables
-- and puts it together again; here the texts themselves are cut, at a third of the cost. Each function looks whether its
-- case is plain and gives false when it is not: then the general way is taken, which knows everything.
--
-- A chain is a pipeline between the end of stage i and the claim of stage i + 1, kept in `chains` as a list, which is
-- the answer of Redis turned into what a claim needs (a table more costs as much as a small Redis command):
--   1 plan, 2 `s` with i done and i + 1 ready, 3 i's record, 4 context, 5 i's result, 6 definition of i + 1,
--   7 pipeline, 8 its index * 32 + i
-- Its counters and events have been moved; of its hash nothing is written before it is claimed (claim_chain) or
-- before anyone else looks at it (unchain).
local plain_done, claim_chain, claim_fresh, settle_plain, end_plain = (function()

local OURS, NOW8 = host .. '\0\0', pack('<d', now) -- the end of a record: host, no lane of its own
local FIRST = pack('<BBI4I4d', 0, 0, 1, 1, 0)
local ended_batches, changes = {}, {}

-- A stage is plain when at most one waits for it, that one is the next, waits for it alone, and has no limits and nothing
-- to be rendered or approved.
function make_plain(plan)
  plan.all_done = string.rep('d', plan.count)
  for i = 0, plan.count - 1 do
    local stage, following = plan[i], plan[i + 1]
    stage.said_done, stage.said_ready, stage.said_running = '/' .. stage.name .. '\tdone\t',
      '/' .. stage.name .. '\tready\t', '/' .. stage.name .. '\trunning\t' .. host
    stage.dot = '.' .. i .. '.'
    stage.head_of_claim = string.char(i) .. sub(FIRST, 2)
    stage.tail = '\0' .. stage.name .. '\0' .. stage.type .. '\0' .. stage.lane .. '\0'
    local single = #stage.dependents == 1 and stage.dependents[1] == i + 1 and following.mask == BIT[i]
    stage.plain = not stage.prepare and ((not following and #stage.dependents == 0) or
      (single and not following.approve and not following.prepare and not following.limits))
  end
end

-- What a run set loses and gains, and the sum it is compared by, gathered until end_plain.
local lost, gained, lost_n, gained_n, sum = {}, {}, 0, 0, 0

-- The record k of a stage that ran here and is done, when nothing is special about it: ended now, one attempt more.
local function done_record(k, epoch, class)
  local its, attempts, kills, flags, fact = upk('<I4I4I2BB', k)
  if its ~= epoch or flags ~= SLOT or fact ~= 0 or sub(k, 54) ~= OURS then return false end
  local change = (attempts * 65536 + kills) * 256 + class
  local changed = changes[change]
  if not changed then
    changed = pack('<I4I2BBB', attempts + 1, kills, 0, 0, class)
    changes[change] = changed
  end
  return sub(k, 1, 4) .. changed .. sub(k, 14, 29) .. NOW8 .. sub(k, 38)
end

local function gather(b, lane_name, j, mask, chain)
  local key = lane_name .. ':' .. b.id
  local q = queues[key] or queue_new(key, b, lane_name)
  local n = q.n + 1
  q.n, q.pipes[n], q.stages[n], q.masks[n] = n, false, j, mask
  q.chains[n] = chain
end

local function end_pipeline(b, pid, s, stage, record, result)
  b.done, b.active = b.done + 1, b.active - 1
  ended_batches[b] = true
  call('HSET', P .. 'p:' .. pid, 's', s, stage.k, record, stage.r, result, 'e', 1)
  events[#events + 1] = pid .. '\tended\tdone'
end

-- v: x, s, k of i, context, k and definition of i + 1.
local function plain(v, i, epoch, class, pid, result)
  local x, s, k = v[1], v[2], v[3]
  local plan = plans[x] or plan_of(x)
  local stage = plan[i]
  if not s or not k or not stage or not stage.plain or sub(s, i + 1, i + 1) ~= 'u' then return false end
  local following = plan[i + 1]
  if following and (v[5] or not v[6] or sub(s, i + 2, i + 2) ~= 'b') then return false end
  local after = sub(s, 1, i) .. (following and 'dr' .. sub(s, i + 3) or 'd')
  if not following and after ~= plan.all_done then return false end
  local dash = string.find(pid, '-', 1, true)
  local bid, index = sub(pid, 1, dash - 1), tonumber(sub(pid, dash + 1))
  local b, l = batches[bid] or batch(bid), lanes[stage.lane] or lane(stage.lane)
  if not may_run(b) or l.probe ~= '' or l.streak > 0 or l.cordoned == 1 then return false end
  local record = done_record(k, epoch, class)
  if not record then return false end

  l.run = l.run - 1
  if l.limit > 0 then l.was_full = true end
  b.nu, b.nd = b.nu - 1, b.nd + 1
  lost_n = lost_n + 1
  lost[lost_n] = pid .. stage.dot .. num(epoch)
  sum = sum - run_sum(index, i, epoch)
  local n = #events
  events[n + 1] = pid .. stage.said_done
  if not following then
    end_pipeline(b, pid, after, stage, record, result)
    return true
  end
  local to = lanes[following.lane] or lane(following.lane)
  b.nb, b.nr, to.rdy = b.nb - 1, b.nr + 1, to.rdy + 1
  events[n + 2] = pid .. following.said_ready
  v[1], v[2], v[3], v[4], v[5], v[7], v[8] = plan, after, record, v[4] or '{}', result, pid, index * 32 + i
  chains[pid] = v
  gather(b, following.lane, i + 1, following.mask, v)
  return true
end

local function running(l, b, pid, index, i, stage)
  b.nr, b.nu, l.rdy, l.run = b.nr - 1, b.nu + 1, l.rdy - 1, l.run + 1
  events[#events + 1] = pid .. stage.said_running
  local entry = pid .. stage.dot .. '1'
  gained_n = gained_n + 1
  gained[gained_n] = entry
  sum = sum + run_sum(index, i, 1)
  return entry
end

local FRESH = pack(REC, 1, 0, 0, SLOT, 0, 255, now, now, 0, 0, 0, host, '')

-- Gives the entry of the run set, the claim's head, definition, context and results; false: somebody was faster.
local function from_chain(l, b, j, chain)
  local plan, s, result, pid = chain[1], chain[2], chain[5], chain[7]
  if chains[pid] ~= chain then return false end
  local stage, before = plan[j], plan[j - 1]
  chains[pid] = nil
  call('HSET', P .. 'p:' .. pid, 's', sub(s, 1, j) .. 'u' .. sub(s, j + 2), before.k, chain[3], before.r, result,
    stage.k, FRESH)
  return running(l, b, pid, floor(chain[8] / 32), j, stage), stage.head_of_claim .. pid .. stage.tail, chain[6],
    chain[4], before.head .. result
end

-- v: x, s, k, definition, context of stage i, which has never run and needs no results.
local function fresh(l, v, pid, bid, index, i, since)
  local s, plan = v[2], plans[v[1]] or plan_of(v[1])
  local stage = plan[i]
  if v[3] or not s or sub(s, i + 1, i + 1) ~= 'r' or stage.mask ~= 0 or stage.prepare or stage.limits or
    stage.lane ~= l.name or l.cordoned == 1 then return false end
  call('HSET', P .. 'p:' .. pid, 's', sub(s, 1, i) .. 'u' .. sub(s, i + 2),
    stage.k, pack(REC, 1, 0, 0, SLOT, 0, 255, since, now, 0, 0, 0, host, ''))
  return running(l, batches[bid] or batch(bid), pid, index, i, stage), stage.head_of_claim .. pid .. stage.tail, v[4], v[5] or '{}', ''
end

function unchain(pid)
  local chain = chains[pid]
  local i, plan = chain[8] % 32, chain[1]
  chains[pid] = nil
  call('HSET', P .. 'p:' .. pid, 's', chain[2], plan[i].k, chain[3], plan[i].r, chain[5])
  enqueue(pipe(pid, i + 1), i + 1, nil, plan[i + 1].lane, plan[i + 1].mask)
end

-- Before flush: nothing stays between.
local function end_plain()
  for pid in pairs(chains) do unchain(pid) end
  send('SREM', P .. 'run:' .. host, lost)
  send('SADD', P .. 'run:' .. host, gained)
  sums[host] = (sums[host] or 0) + sum
end

-- What the end of a pipeline means for its batch.
local function settle_ended()
  for b in pairs(ended_batches) do
    ended_batches[b] = nil
    admit_more(b)
    end_batch(b)
  end
end

return plain, from_chain, fresh, settle_ended, end_plain
end)()
