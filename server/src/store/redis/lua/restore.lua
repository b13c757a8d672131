--[[
  Appends again what a failover lost, under the ids that readers have seen.

  Keys: meta, log
  Arguments: epoch, position, lease (ms), publish command, channel, pairs of id and chunk
  Returns {'ok'}, {'gap', position}, {'fenced'} or {'gone'}.
]]
local meta, log = unpack(KEYS)
local epoch, position, lease, command, channel = unpack(ARGV, 1, 5)
local FIRST = 6

local state = claim_state(meta, epoch)
if state ~= 'ok' then return {state} end
local task = redis.call('HMGET', meta, 'position', 'last')
local at, previous = tonumber(task[1]), task[2] or '0-0'
local number = (#ARGV - FIRST + 1) / 2
if at == tonumber(position) + number then return {'ok'} end
if at < tonumber(position) then return {'gap', at} end
if at > tonumber(position) then return {'fenced'} end
local ids, chunks = {}, {}
for i = FIRST, #ARGV, 2 do
    ids[#ids + 1] = redis.call('XADD', log, ARGV[i], 'data', ARGV[i + 1])
    chunks[#chunks + 1] = ARGV[i + 1]
end
redis.call('HSET', meta, 'position', at + number, 'last', ids[#ids], 'lease', now() + lease)
publish(command, channel, previous, 'running', ids, chunks, 1)
return {'ok'}
