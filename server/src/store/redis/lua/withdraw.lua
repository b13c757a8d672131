--[[
  Settles whether a task has begun, where begin.lua was sent and its answer never came: either it has, or it never will.

  Keys: meta, log
  Arguments: lease (ms), number of first chunks, how long a late begin.lua is refused (ms)
  Returns {'claimed', ids}, {'withdrawn'}, or {'over'} where another has the task by now, or it has ended.
]]
local meta, log = unpack(KEYS)
local lease, number, refuse = unpack(ARGV)

local known = redis.call('HMGET', meta, 'status', 'epoch', 'stage')
if not known[1] then
    redis.call('HSET', meta, 'status', 'withdrawn')
    redis.call('PEXPIRE', meta, refuse)
    return {'withdrawn'}
end
if known[1] == 'withdrawn' then return {'withdrawn'} end
if known[1] ~= 'running' or known[2] ~= '1' or known[3] ~= 'working' then return {'over'} end
redis.call('HSET', meta, 'lease', now() + lease)
return {'claimed', newest(log, tonumber(number))}
