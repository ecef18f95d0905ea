-- pause: a batch leaves all rings, or comes back to them.
--
-- KEYS  farm prefix
-- ARGV  batch, "1" paused | "0"
-- reply "ok" | "unknown"
--
-- Invariant: a paused batch is on no ring; what runs goes on, what becomes ready waits in its queues.
local b = batch(ARGV[1])
if b.sealed == 0 or b.gone == 1 then return 'unknown' end
begin()
local paused = tonumber(ARGV[2])
if b.paused ~= paused then
  b.paused = paused
  if paused == 1 then
    rings(b, false)
  elseif b.cancel == 0 then
    rings(b, true)
  end
  event(b.id, paused == 1 and 'paused' or 'resumed')
end
flush()
return 'ok'
