--[[
  Reads a page of a log: the entries after a cursor.

  Entries may be missing: trimmed by an operator, evicted, lost in a failover. The record counts the entries that were
  ever appended, so a log with as many is complete. In an incomplete log, a reader can continue only from an entry that
  is there and has no deleted entry after it.

  Keys: meta, log, snapshot
  Arguments: life after the end (ms), cursor, entries at most, bytes at most (one entry is always given)
  Returns {} and whether there still is a log; or status, end of the snapshot, newest id, first id in the log, entries,
  snapshot (where the cursor lies in it), and 1 where entries after the cursor are gone.
]]
local meta, log, snapshot = unpack(KEYS)
local life, cursor, limit, most_bytes = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
-- Entries fetched at once: the bytes of a page are known only when it has been fetched.
local STEP = 32

-- Numbers are precise here up to 2^53, far beyond any id that Redis gives.
local function before(one, other)
    local ms, seq = one:match('^(%d+)-(%d+)$')
    local other_ms, other_seq = other:match('^(%d+)-(%d+)$')
    ms, other_ms = tonumber(ms), tonumber(other_ms)
    return ms < other_ms or (ms == other_ms and tonumber(seq) < tonumber(other_seq))
end

-- The greatest id that XDEL removed, where this Redis remembers it (7.0 and newer).
local function last_deleted()
    local info = redis.call('XINFO', 'STREAM', log)
    for i = 1, #info, 2 do
        if info[i] == 'max-deleted-entry-id' then return info[i + 1] end
    end
    return '0-0'
end

local function has_gap(first, trimmed, position, merged)
    if cursor == '0-0' then return false end
    local length = redis.call('XLEN', log)
    local is_whole = length == position - merged
    if length > 0 and #redis.call('XRANGE', log, cursor, cursor) == 1 then
        return not is_whole and before(cursor, last_deleted())
    end
    if not is_whole then return true end
    if trimmed ~= '' and not before(trimmed, cursor) then return false end
    return first == '' or before(first, cursor)
end

local task = redis.call('HMGET', meta, 'status', 'trimmed', 'position', 'merged')
local status, trimmed = task[1], task[2] or ''
if not status or status == 'withdrawn' then return {{}, redis.call('EXISTS', log)} end
if status ~= 'running' then keep(KEYS, life) end

local entries, bytes, from = {}, 0, '(' .. cursor
while #entries < limit and bytes < most_bytes do
    local step = math.min(STEP, limit - #entries)
    local rows = redis.call('XRANGE', log, from, '+', 'COUNT', step)
    for _, row in ipairs(rows) do
        if bytes < most_bytes then
            entries[#entries + 1] = row
            bytes = bytes + #row[2][2]
        end
    end
    if #rows < step then break end
    from = '(' .. rows[#rows][1]
end
local head = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)
local tail = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
local first = head[1] and head[1][1] or ''
local merged_part = ''
if trimmed ~= '' and before(cursor, trimmed) then merged_part = redis.call('GET', snapshot) or '' end
local gap = has_gap(first, trimmed, tonumber(task[3] or 0), tonumber(task[4] or 0)) and 1 or 0
return {status, trimmed, tail[1] and tail[1][1] or '', first, entries, merged_part, gap}
