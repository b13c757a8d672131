--[[
  Renews a lease.

  Keys: meta
  Arguments: epoch, lease (ms), position
  Returns {'ok'}, {'gap', position}, {'fenced'} or {'gone'}.
]]
local meta = KEYS[1]
local epoch, lease, position = unpack(ARGV)
local state = claim_state(meta, epoch)
if state ~= 'ok' then return {state} end
redis.call('HSET', meta, 'lease', now() + lease)
local at = tonumber(redis.call('HGET', meta, 'position'))
if at < tonumber(position) then return {'gap', at} end
return {'ok'}
