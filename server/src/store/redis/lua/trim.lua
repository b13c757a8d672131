--[[
  Replaces everything up to an entry by a snapshot.

  Keys: meta, log, snapshot
  Arguments: epoch, last id merged, first id kept at the earliest, snapshot (JSON)
  Returns {'ok'}, {'fenced'} or {'gone'}.
]]
local meta, log, snapshot = unpack(KEYS)
local epoch, through, keep_from, merged = unpack(ARGV)
local state = claim_state(meta, epoch)
if state ~= 'ok' then return {state} end
redis.call('SET', snapshot, merged)
local removed = redis.call('XTRIM', log, 'MINID', keep_from)
redis.call('HSET', meta, 'trimmed', through)
redis.call('HINCRBY', meta, 'merged', removed)
return {'ok'}
