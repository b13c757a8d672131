--[[
  Shared by all scripts, which are loaded with this in front.

  Every script is one step on the keys of one slot. Each may be repeated, by a driver or by a caller that never saw
  the answer, and has its effect once: each write carries the epoch and the position of its claim.
  Time is that of Redis, so that processes whose clocks differ agree on leases.

  A publication on a task's channel is `PREVIOUS LAST STATUS`, a line feed, and then for each entry `ID BYTES`, a line
  feed and the chunk. A reader that has PREVIOUS has everything up to LAST when it has taken the entries.
]]

-- Bytes of chunks that a publication carries at most; beyond, readers read the log.
local LARGEST_PUBLICATION = 65536

local function now()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- 'ok' where the claim of this epoch holds, else 'gone' (there is no record) or 'fenced'.
local function claim_state(meta, epoch)
    local task = redis.call('HMGET', meta, 'status', 'epoch')
    if not task[1] then return 'gone' end
    if task[1] == 'running' and task[2] == epoch then return 'ok' end
    return 'fenced'
end

-- The ids of the newest entries of a log, oldest first.
local function newest(log, number)
    local ids = {}
    if number < 1 then return ids end
    local rows = redis.call('XREVRANGE', log, '+', '-', 'COUNT', number)
    for i = #rows, 1, -1 do ids[#ids + 1] = rows[i][1] end
    return ids
end

-- Notifies the followers of a task of the entries after `previous`. `command` is PUBLISH or SPUBLISH.
local function publish(command, channel, previous, status, ids, chunks, first)
    local last = ids[#ids] or previous
    local parts = {previous .. ' ' .. last .. ' ' .. status .. '\n'}
    local bytes = 0
    for i = 1, #ids do
        local chunk = chunks[first + i - 1]
        bytes = bytes + #chunk
        if bytes > LARGEST_PUBLICATION then
            redis.call(command, channel, parts[1])
            return
        end
        parts[#parts + 1] = ids[i] .. ' ' .. #chunk .. '\n' .. chunk
    end
    redis.call(command, channel, table.concat(parts))
end

-- Appends the arguments from `first` on, where the log has `position` entries so far.
-- Returns 'ok', the ids, and the id before them (nil for a repeat of the newest append, which writes nothing).
-- Otherwise 'gap' and the position, where the log is shorter, or 'fenced', where it is longer.
local function append(meta, log, position, first)
    local task = redis.call('HMGET', meta, 'position', 'last')
    local at, previous = tonumber(task[1]), task[2] or '0-0'
    local number = #ARGV - first + 1
    if number > 0 and at == position + number then return 'ok', newest(log, number), nil end
    if at < position then return 'gap', at end
    if at > position then return 'fenced' end
    local ids = {}
    for i = first, #ARGV do ids[#ids + 1] = redis.call('XADD', log, '*', 'data', ARGV[i]) end
    redis.call('HSET', meta, 'position', position + number, 'last', ids[#ids] or previous)
    return 'ok', ids, previous
end

-- Inserts a message, or replaces the one of its id, which keeps its number. A message is stored as its sequence, a
-- space, and JSON.
local function put_message(session, messages, id, json)
    local before = redis.call('HGET', messages, id)
    local sequence = before and before:match('^%d+') or redis.call('HINCRBY', session, 'sequence', 1)
    redis.call('HSET', messages, id, sequence .. ' ' .. json)
end

-- Remembers which tasks a session has, and forgets of the oldest those that are no longer kept.
local function remember_task(known_tasks, prefix, task, time)
    for _, old in ipairs(redis.call('ZRANGE', known_tasks, 0, 7)) do
        local of_task = prefix .. old
        if redis.call('EXISTS', of_task .. ':meta', of_task .. ':log') == 0 then redis.call('ZREM', known_tasks, old) end
    end
    redis.call('ZADD', known_tasks, time, task)
end

-- The task that answers a message or a send; '' where its message or answer was removed, false where it is not known.
local function known_task(messages, sends, id)
    local message = redis.call('HGET', messages, id)
    if message then return cjson.decode(message:match('^%d+ (.*)$')).task_id end
    return redis.call('HGET', sends, id)
end

-- Removes a session's last messages. They stay known as replaced, and so do the names of the sends that these tasks
-- answer. The next message gets the number of the first of them.
local function remove_messages(session, messages, sends, ids, tasks)
    if #ids == 0 then return end
    local place = tonumber(redis.call('HGET', session, 'sequence'))
    for _, id in ipairs(ids) do
        local before = redis.call('HGET', messages, id)
        if before then place = math.min(place, tonumber(before:match('^%d+')) - 1) end
        redis.call('HDEL', messages, id)
        redis.call('HSET', sends, id, '')
    end
    redis.call('HSET', session, 'sequence', place)
    local is_removed = {}
    for _, task in ipairs(tasks) do is_removed[task] = true end
    local known = redis.call('HGETALL', sends)
    for i = 1, #known, 2 do
        if is_removed[known[i + 1]] then redis.call('HSET', sends, known[i], '') end
    end
end

-- Renews the life of an ended task once a tenth of it has passed, so that not every read writes.
local function keep(keys, life)
    local left = redis.call('PTTL', keys[1])
    if left < 0 or left > life * 0.9 then return end
    for _, key in ipairs(keys) do redis.call('PEXPIRE', key, life) end
end
