-- release: held stages go on; approvals excepted, they need approve.lua.
--
-- KEYS  farm prefix
-- ARGV  "stage" pipeline name | "pipeline" pipeline "" | "batch" batch index to go on from
-- reply "ok" | "unknown" | "approval", stages released, index to go on from or 0
--
-- Invariant: only h changes, to ready; no attempt is used or given back.
local what, target = ARGV[1], ARGV[2]
local count, asks = 0, false
local bid = match(target, '^[^-]+')
local b = batch(bid)
if b.sealed == 0 or b.gone == 1 then return { 'unknown', 0, 0 } end
begin()

local function release(p, only)
  if not p.s then return end
  for i = 0, p.count - 1 do
    if (only == nil or only == i) and letter(p, i) == 'h' then
      if p.plan[i].approve then
        asks = true
      else
        make_ready(p, i, rec(p, i), p.plan[i].mask, 'released')
        count = count + 1
      end
    end
  end
end

local following = 0
if what == 'batch' then
  local from = tonumber(ARGV[3])
  local to = min(b.total, from + 255)
  for index = from, to do
    local p = pipe(bid .. '-' .. int(index))
    if p then release(p, nil) end
  end
  following = to < b.total and to + 1 or 0
else
  local p = pipe(target)
  local i = p and what == 'stage' and stage_index(p, ARGV[3]) or nil
  if not p or (what == 'stage' and not i) then return { 'unknown', 0, 0 } end
  release(p, i)
end
flush()
return { count == 0 and asks and 'approval' or 'ok', count, following }
