--[[
  Claims a task that waits for an operation.

  Keys: meta
  Arguments: lease (ms), operation, holder (names this attempt, so that a repeat gets its claim again), 'look' or 'take'
  Returns {'claimed', epoch, position, fields and values of the record}; {'free'} where only a look was asked for and it
  would have been claimed; {'settled'} where the task has ended or has
  gone on from that operation; {'busy'} where another process handles it; {'early'} where the task runs and does not wait
  for that operation yet; {'gone'} without a record.
]]
local meta = KEYS[1]
local lease, operation, holder, mode = unpack(ARGV)

local task = redis.call('HMGET', meta, 'status', 'operation', 'stage', 'lease', 'position', 'operations', 'waited_at',
    'holder', 'epoch')
local status, waited_for, stage, lease_end, position, operations, waited_at, held_by, epoch = unpack(task, 1, 9)
if not status or status == 'withdrawn' then return {'gone'} end
if status ~= 'running' then return {'settled'} end
if waited_for ~= operation then
    for _, known in ipairs(cjson.decode(operations or '[]')) do
        if known.id == operation then return {'settled'} end
    end
    return {'early'}
end
local function record() return redis.call('HGETALL', meta) end
if stage == 'resuming' and held_by == holder then
    redis.call('HSET', meta, 'lease', now() + lease)
    return {'claimed', tonumber(epoch), tonumber(position), record()}
end
-- A resumption that has written something is not begun anew: reap.lua ends it.
local has_lapsed = tonumber(lease_end or 0) <= now() and position == waited_at
if stage ~= 'waiting' and not has_lapsed then return {'busy'} end
if mode == 'look' then return {'free'} end
epoch = redis.call('HINCRBY', meta, 'epoch', 1)
redis.call('HSET', meta, 'stage', 'resuming', 'lease', now() + lease, 'holder', holder)
return {'claimed', epoch, tonumber(position), record()}
