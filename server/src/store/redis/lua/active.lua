--[[
  The running task of a session.

  Keys: active
  Arguments: prefix of the session's task keys
  Returns {task, fields and values of its record}, or {} where none runs.
]]
local task = redis.call('GET', KEYS[1])
if not task then return {} end
local meta = ARGV[1] .. task .. ':meta'
if redis.call('HGET', meta, 'status') ~= 'running' then return {} end
return {task, redis.call('HGETALL', meta)}
