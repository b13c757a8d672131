--[[
  Gives a task back that was taken up after its operation and has written nothing since: it waits again.

  Keys: meta
  Arguments: epoch
  Returns 1 where it waits now, 0 where it has written something, 'fenced' or 'gone'.
]]
local meta, epoch = KEYS[1], ARGV[1]
local state = claim_state(meta, epoch)
if state ~= 'ok' then return state end
local task = redis.call('HMGET', meta, 'stage', 'position', 'waited_at')
if task[1] ~= 'resuming' or task[2] ~= task[3] then return 0 end
redis.call('HINCRBY', meta, 'epoch', 1)
redis.call('HSET', meta, 'stage', 'waiting')
redis.call('HDEL', meta, 'lease', 'holder')
return 1
