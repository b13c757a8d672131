--[[
  Sets the time at which a task is looked at again, unless that was put off meanwhile.

  Keys: leases
  Arguments: task, time (ms; 0: never)
]]
local leases = KEYS[1]
local task, time = unpack(ARGV)
local score = tonumber(redis.call('ZSCORE', leases, task))
if not score or score > now() then return end
if time == '0' then redis.call('ZREM', leases, task) else redis.call('ZADD', leases, time, task) end
