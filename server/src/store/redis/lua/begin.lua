--[[
  Begins a task: its record, its first chunks, the message that it answers, and the session's pointer to it.

  Keys: session, messages, active, meta, log, snapshot, refused, known tasks
  Arguments: task, prefix of the session's task keys, lease (ms), message id, message (JSON), title, assistant message
  id, time (ms), what the app sent for the agent (JSON, or nothing), first chunks
  Returns {'claimed', ids}, also for a repeat by the same task; {'known', message} where the session has the message
  and another task answers it; {'cancelled'} where the message is refused; {'busy', task}; {'missing'} without a session; {'withdrawn'} after withdraw.lua;
  {'over'} where this task runs under another claim by now, or has ended.
]]
local session, messages, active, meta, log, snapshot, refused, known_tasks = unpack(KEYS)
local task, prefix, lease, message_id, message, title, writes, time, body = unpack(ARGV, 1, 9)
local FIRST = 10
local number = #ARGV - FIRST + 1

local known = redis.call('HMGET', meta, 'status', 'epoch', 'stage')
if known[1] == 'withdrawn' then return {'withdrawn'} end
if known[1] then
    if known[1] ~= 'running' or known[2] ~= '1' or known[3] ~= 'working' then return {'over'} end
    redis.call('HSET', meta, 'lease', now() + lease)
    return {'claimed', newest(log, number)}
end
if redis.call('EXISTS', session) == 0 then return {'missing'} end
local stored = redis.call('HGET', messages, message_id)
-- A quote inside a JSON string is escaped, so this is found in no content.
local is_own = stored and stored:find('"task_id":"' .. task .. '"', 1, true)
if stored and not is_own then return {'known', stored} end
if tonumber(redis.call('ZSCORE', refused, message_id) or 0) > now() then return {'cancelled'} end
local running = redis.call('GET', active)
if running and running ~= task and redis.call('HGET', prefix .. running .. ':meta', 'status') == 'running' then
    return {'busy', running}
end

-- Of a record that was lost the log may be left; its writer appends all of it again.
redis.call('DEL', log, snapshot)
local ids = {}
for i = FIRST, #ARGV do ids[#ids + 1] = redis.call('XADD', log, '*', 'data', ARGV[i]) end
redis.call('HSET', meta, 'status', 'running', 'stage', 'working', 'epoch', 1, 'position', number,
    'last', ids[#ids] or '0-0', 'lease', now() + lease, 'answers', message_id, 'writes', writes, 'created_at', time)
if body ~= '' then redis.call('HSET', meta, 'body', body) end
redis.call('SET', active, task)
remember_task(known_tasks, prefix, task, time)
if not is_own then put_message(session, messages, message_id, message) end
redis.call('HSETNX', session, 'title', title)
local updated = tonumber(redis.call('HGET', session, 'updated_at') or 0)
if updated < tonumber(time) then redis.call('HSET', session, 'updated_at', time) end
return {'claimed', ids}
