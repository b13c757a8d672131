--[[
  Lists the tasks whose lease may have run out. The list is a hint, and the task's own record decides.

  Keys: leases
  Arguments: how many at most
  Returns their ids.
]]
-- Sent as a write, so that a node that was demoted and still answers refuses it.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(0')
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now(), 'LIMIT', 0, ARGV[1])
