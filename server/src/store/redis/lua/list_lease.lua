--[[
  Puts a task on the list of those that are to be looked at when a lease has passed.

  Keys: leases
  Arguments: task, lease (ms)
]]
redis.call('ZADD', KEYS[1], 'GT', now() + ARGV[2], ARGV[1])
