-- approve: a person's yes or no to an `approve` stage.
--
-- KEYS  farm prefix
-- ARGV  pipeline, stage, "1" yes, who, note, number of the class "rejected"
-- reply "ok" | "unknown" | the state's name when it does not wait for approval
--
-- Invariant: only a held stage of type approve; yes makes it done with {approved_by, note, at}, no fails it.
local p = pipe(ARGV[1])
local i = p and p.s and stage_index(p, ARGV[2])
if not i then return 'unknown' end
if letter(p, i) ~= 'h' or not p.plan[i].approve then return WORD[letter(p, i)] end
begin()
local r = rec(p, i)
r.ended, r.started = now, now
if ARGV[3] == '1' then
  put(p, 'r' .. i, '{"approved_by":' .. cjson.encode(ARGV[4]) .. ',"note":' .. cjson.encode(ARGV[5]) .. ',"at":'
    .. int(now) .. '}')
  r.class = 0
  move(p, i, 'd', r, clean('approved by ' .. ARGV[4]))
else
  local why = 'rejected by ' .. ARGV[4] .. (ARGV[5] ~= '' and ': ' .. ARGV[5] or '')
  put(p, 'm' .. i, why)
  r.class = tonumber(ARGV[6])
  move(p, i, 'f', r, clean(why))
end
settle_dependents(p, i)
flush()
return 'ok'
