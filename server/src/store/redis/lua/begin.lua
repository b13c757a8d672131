--[[
  Begins a task: its record, its first chunks, its changes of the session's messages, and the session's pointer to it.

  Keys: session, messages, sends, active, meta, log, snapshot, refused, known tasks
  Arguments: task, prefix of the session's task keys, lease (ms), id of the message that it answers, assistant message
  id, time (ms), title, what the app sent for the agent (JSON, or nothing), the last task that is expected ('=' and its
  id, or nothing where any will do), then as JSON lists the names of the send, the messages to remove and the tasks that
  wrote them, the number of messages to store, pairs of message id and JSON, first chunks
  Returns {'claimed', ids}, also for a repeat by the same task; {'known', task} where another task answers one of the
  names; {'replaced'} where one was removed; {'cancelled'} where one is refused; {'busy', task}; {'changed'} where another task began last; {'missing'}
  without a session; {'withdrawn'} after withdraw.lua; {'over'} where this task runs under another claim by now, or has
  ended.
]]
local session, messages, sends, active, meta, log, snapshot, refused, known_tasks = unpack(KEYS)
local task, prefix, lease, answers, writes, time, title, body, expected = unpack(ARGV, 1, 9)
local names, removed, removed_tasks = cjson.decode(ARGV[10]), cjson.decode(ARGV[11]), cjson.decode(ARGV[12])
local MESSAGES = 14
local FIRST = MESSAGES + 2 * tonumber(ARGV[13])
local number = #ARGV - FIRST + 1

local known = redis.call('HMGET', meta, 'status', 'epoch', 'stage')
if known[1] == 'withdrawn' then return {'withdrawn'} end
if known[1] then
    if known[1] ~= 'running' or known[2] ~= '1' or known[3] ~= 'working' then return {'over'} end
    redis.call('HSET', meta, 'lease', now() + lease)
    return {'claimed', newest(log, number)}
end
if redis.call('EXISTS', session) == 0 then return {'missing'} end
-- A task whose record was lost is begun again. The changes of the session may be there already.
local last = redis.call('HGET', session, 'last_task')
local is_again = last == task
for _, name in ipairs(names) do
    local by = known_task(messages, sends, name)
    if by == '' and not is_again then return {'replaced'} end
    if by and by ~= '' and by ~= task then return {'known', by} end
    if not by and tonumber(redis.call('ZSCORE', refused, name) or 0) > now() then return {'cancelled'} end
end
local running = redis.call('GET', active)
if running and running ~= task and redis.call('HGET', prefix .. running .. ':meta', 'status') == 'running' then
    return {'busy', running}
end
if expected ~= '' and expected ~= '=' .. (last or '') and not is_again then return {'changed'} end

-- The log of a lost record may be left. Its writer appends all of it again.
redis.call('DEL', log, snapshot)
local ids = {}
for i = FIRST, #ARGV do ids[#ids + 1] = redis.call('XADD', log, '*', 'data', ARGV[i]) end
redis.call('HSET', meta, 'status', 'running', 'stage', 'working', 'epoch', 1, 'position', number,
    'last', ids[#ids] or '0-0', 'lease', now() + lease, 'answers', answers, 'writes', writes, 'created_at', time)
if body ~= '' then redis.call('HSET', meta, 'body', body) end
redis.call('SET', active, task)
remember_task(known_tasks, prefix, task, time)
redis.call('HSET', session, 'last_task', task)
remove_messages(session, messages, sends, removed, removed_tasks)
for i = MESSAGES, FIRST - 1, 2 do put_message(session, messages, ARGV[i], ARGV[i + 1]) end
for _, name in ipairs(names) do
    if redis.call('HEXISTS', messages, name) == 0 then redis.call('HSET', sends, name, task) end
end
redis.call('HSETNX', session, 'title', title)
local updated = tonumber(redis.call('HGET', session, 'updated_at') or 0)
if updated < tonumber(time) then redis.call('HSET', session, 'updated_at', time) end
return {'claimed', ids}
