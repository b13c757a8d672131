--[[
  Appends chunks under a claim, and renews its lease.

  Keys: meta, log
  Arguments: epoch, position, lease (ms), publish command, channel, chunks
  Returns {'ok', ids}, {'gap', position}, {'fenced'} or {'gone'}.
]]
local meta, log = unpack(KEYS)
local epoch, position, lease, command, channel = unpack(ARGV, 1, 5)
local FIRST = 6

local state = claim_state(meta, epoch)
if state ~= 'ok' then return {state} end
local outcome, ids, previous = append(meta, log, tonumber(position), FIRST)
if outcome ~= 'ok' then return {outcome, ids} end
redis.call('HSET', meta, 'lease', now() + lease)
if previous then publish(command, channel, previous, 'running', ids, ARGV, FIRST) end
return {'ok', ids}
