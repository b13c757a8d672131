--[[
  Fails a task whose log cannot be written or read any more, so that its session is free and nobody waits for it.

  Keys: meta, active
  Arguments: task, life after the end (ms), publish command, channel
  Returns 1 where it ran.
]]
local meta, active = unpack(KEYS)
local task, life, command, channel = unpack(ARGV)

if redis.call('GET', active) == task then redis.call('DEL', active) end
if redis.call('TYPE', meta).ok ~= 'hash' or redis.call('HGET', meta, 'status') ~= 'running' then return 0 end
local epoch = redis.call('HINCRBY', meta, 'epoch', 1)
redis.call('HSET', meta, 'status', 'failed', 'ended', epoch)
redis.call('HDEL', meta, 'lease', 'holder', 'body')
redis.call('PEXPIRE', meta, life)
local last = redis.call('HGET', meta, 'last') or '0-0'
publish(command, channel, last, 'failed', {}, {}, 1)
return 1
