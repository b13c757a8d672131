--[[
  Ends a task: its last chunks, its status, its messages, and the session's pointer to it, in one step. Readers of the
  session get the answer from the stream until then and from the messages from then on.

  Keys: meta, log, snapshot, session, messages, active
  Arguments: epoch, position, life after the end (ms), publish command, channel, status, task, time (ms), number of
  messages, pairs of message id and JSON, last chunks
  Returns {'ok', ids}, also for a repeat by the one who ended it; {'gap', position}, {'fenced'} or {'gone'}.
]]
local meta, log, snapshot, session, messages, active = unpack(KEYS)
local epoch, position, life, command, channel, status, task, time, number = unpack(ARGV, 1, 9)
local MESSAGES = 10
local first = MESSAGES + 2 * tonumber(number)

local stands = standing(meta, epoch)
if stands == 'fenced' and redis.call('HGET', meta, 'ended') == epoch then
    return {'ok', newest(log, #ARGV - first + 1)}
end
if stands ~= 'ok' then return {stands} end
local outcome, ids, previous = append(meta, log, tonumber(position), first)
if outcome ~= 'ok' then return {outcome, ids} end
redis.call('HSET', meta, 'status', status, 'ended', epoch)
redis.call('HDEL', meta, 'lease', 'holder', 'body')
if redis.call('EXISTS', session) == 1 then
    for i = MESSAGES, first - 1, 2 do put_message(session, messages, ARGV[i], ARGV[i + 1]) end
    local updated = tonumber(redis.call('HGET', session, 'updated_at') or 0)
    if updated < tonumber(time) then redis.call('HSET', session, 'updated_at', time) end
end
if redis.call('GET', active) == task then redis.call('DEL', active) end
for _, key in ipairs({meta, log, snapshot}) do redis.call('PEXPIRE', key, life) end
publish(command, channel, previous or '0-0', status, ids, ARGV, first)
return {'ok', ids}
