--[[
  Takes a task whose lease has run out. One that was taken up after its operation and has written nothing waits again.

  Keys: meta
  Arguments: lease (ms)
  Returns {'claimed', epoch, position}; {'later', time} where the lease holds until then; {'never'} where there is
  nothing to take.
]]
local meta, lease = KEYS[1], ARGV[1]
local task = redis.call('HMGET', meta, 'status', 'stage', 'lease', 'position', 'waited_at')
local status, stage, lease_end, position, waited_at = unpack(task, 1, 5)
if status ~= 'running' or stage == 'waiting' then return {'never'} end
lease_end = tonumber(lease_end or 0)
if lease_end > now() then return {'later', lease_end} end
local epoch = redis.call('HINCRBY', meta, 'epoch', 1)
redis.call('HDEL', meta, 'holder')
if stage == 'resuming' and position == waited_at then
    redis.call('HSET', meta, 'stage', 'waiting')
    redis.call('HDEL', meta, 'lease')
    return {'never'}
end
redis.call('HSET', meta, 'lease', now() + lease)
return {'claimed', epoch, tonumber(position)}
