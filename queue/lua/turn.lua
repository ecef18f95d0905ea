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
