--[[
  Adds a completion to the dead-letter log, once.

  Keys: dead-letter log, ids that are in it
  Arguments: id, data, reason, deliveries, how long the id is remembered (ms)
]]
local dead, buried = unpack(KEYS)
local id, data, reason, deliveries, remember = unpack(ARGV)
if redis.call('SADD', buried, id) == 0 then return end
redis.call('PEXPIRE', buried, remember)
redis.call('XADD', dead, '*', 'data', data, 'reason', reason, 'deliveries', deliveries, 'id', id)
