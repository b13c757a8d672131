--[[
  Appends, and lets the task wait for an operation: from then on it has no lease and no writer.

  Keys: meta, log
  Arguments: epoch, position, publish command, channel, operation, tool, tool call, chunks
  Returns {'ok', ids}, {'gap', position}, {'fenced'} or {'gone'}.
]]
local meta, log = unpack(KEYS)
local epoch, position, command, channel, operation, tool_name, tool_call_id = unpack(ARGV, 1, 7)
local FIRST = 8

local state = claim_state(meta, epoch)
if state ~= 'ok' then return {state} end
local outcome, ids, previous = append(meta, log, tonumber(position), FIRST)
if outcome ~= 'ok' then return {outcome, ids} end
if redis.call('HGET', meta, 'operation') ~= operation then
    local waited_at = tonumber(redis.call('HGET', meta, 'position'))
    local operations = cjson.decode(redis.call('HGET', meta, 'operations') or '[]')
    operations[#operations + 1] =
        {id = operation, tool_name = tool_name, tool_call_id = tool_call_id, position = waited_at}
    redis.call('HSET', meta, 'operations', cjson.encode(operations), 'operation', operation, 'waited_at', waited_at)
end
redis.call('HSET', meta, 'stage', 'waiting')
redis.call('HDEL', meta, 'lease', 'holder')
if previous then publish(command, channel, previous, 'running', ids, ARGV, FIRST) end
return {'ok', ids}
