--[[
  Tasks whose lease may have run out. The list is a hint; the task's own record is believed.

  Keys: leases
  Arguments: how many at most
  Returns their ids.
]]
-- Writes nothing, but is a write: a node that was demoted and still answers refuses it.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(0')
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now(), 'LIMIT', 0, ARGV[1])
