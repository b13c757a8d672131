--[[
  Keeps a lease.

  Keys: meta
  Arguments: epoch, lease (ms), position
  Returns {'ok'}, {'gap', position}, {'fenced'} or {'gone'}.
]]
local meta = KEYS[1]
local epoch, lease, position = unpack(ARGV)
local stands = standing(meta, epoch)
if stands ~= 'ok' then return {stands} end
redis.call('HSET', meta, 'lease', now() + lease)
local at = tonumber(redis.call('HGET', meta, 'position'))
if at < tonumber(position) then return {'gap', at} end
return {'ok'}
