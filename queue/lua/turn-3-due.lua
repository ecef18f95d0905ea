-- turn, due: backoffs that are over, waits that were too long.

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
settle_plain()
settle()

