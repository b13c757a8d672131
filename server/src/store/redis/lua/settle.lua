--[[
  Removes a completion that was handled.

  Keys: completions, failures
  Arguments: group, id
]]
local completions, failures = unpack(KEYS)
local group, id = unpack(ARGV)
redis.call('XACK', completions, group, id)
redis.call('XDEL', completions, id)
redis.call('HDEL', failures, id)
