--[[
  Checks whether the lease of a task has run out.

  Keys: meta
  Returns {'lapsed'}, {'later', time}, or {'never'} where it has no lease.
]]
local task = redis.call('HMGET', KEYS[1], 'status', 'stage', 'lease')
if task[1] ~= 'running' or task[2] == 'waiting' then return {'never'} end
local lease_end = tonumber(task[3] or 0)
if lease_end > now() then return {'later', lease_end} end
return {'lapsed'}
