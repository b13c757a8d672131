--[[
  Takes a running task from its writer.

  Keys: meta
  Arguments: lease (ms)
  Returns {epoch, position}, or nothing where it does not run.
]]
local meta, lease = KEYS[1], ARGV[1]
if redis.call('HGET', meta, 'status') ~= 'running' then return false end
redis.call('HSET', meta, 'lease', now() + lease)
return {redis.call('HINCRBY', meta, 'epoch', 1), tonumber(redis.call('HGET', meta, 'position'))}
