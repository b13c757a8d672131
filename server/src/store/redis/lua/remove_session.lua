--[[
  Removes a session with its messages and the logs of its tasks, unless a task runs or waits. The records of its tasks
  live on to their own end, so that a late completion finds that its task has ended.

  Keys: session, messages, sends, active, refused, known tasks
  Arguments: prefix of the session's task keys; time (ms) since which the session has to be unchanged, or nothing
  Returns {'removed', user (or '')}; {'busy', task}; {'changed', updated_at, user}; {'missing'}.
]]
local session, messages, sends, active, refused, known_tasks = unpack(KEYS)
local prefix, unchanged_since = ARGV[1], tonumber(ARGV[2])

local record = redis.call('HMGET', session, 'updated_at', 'user_id')
local updated_at, user = tonumber(record[1]), record[2] or ''
if not updated_at then return {'missing'} end
if unchanged_since and updated_at > unchanged_since then return {'changed', updated_at, user} end
local running = redis.call('GET', active)
if running and redis.call('HGET', prefix .. running .. ':meta', 'status') == 'running' then return {'busy', running} end
for _, task in ipairs(redis.call('ZRANGE', known_tasks, 0, -1)) do
    redis.call('DEL', prefix .. task .. ':log', prefix .. task .. ':snapshot')
end
redis.call('DEL', session, messages, sends, active, refused, known_tasks)
return {'removed', user}
