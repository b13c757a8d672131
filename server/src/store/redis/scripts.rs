//! The Lua scripts: each is one step on the keys of one slot, in one round trip.
//!
//! Time is that of Redis, so that processes whose clocks differ agree on leases.

use redis::Script;

/// Reads the time, and whether a claim holds. `ARGV[1]` is the epoch of the claim.
const PRELUDE: &str = r"
local function now()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function holds(meta, epoch)
    local task = redis.call('HMGET', meta, 'status', 'epoch')
    return task[1] == 'running' and task[2] == epoch
end
local function newest(log, number)
    local rows = redis.call('XREVRANGE', log, '+', '-', 'COUNT', number)
    local ids = {}
    for i = #rows, 1, -1 do ids[#ids + 1] = rows[i][1] end
    return ids
end
-- Appends ARGV[first..last] at a position. A repeat of the last append only tells its ids again.
local function append(meta, log, position, first, last)
    local at = tonumber(redis.call('HGET', meta, 'position'))
    local number = last - first + 1
    if number > 0 and at == position + number then return newest(log, number) end
    if at ~= position then return nil end
    local ids = {}
    for i = first, last do ids[#ids + 1] = redis.call('XADD', log, '*', 'data', ARGV[i]) end
    redis.call('HSET', meta, 'position', position + number)
    return ids
end
";

/// All scripts of the store.
pub struct Scripts {
    pub begin: Script,
    pub look: Script,
    pub read: Script,
    pub append: Script,
    pub finish: Script,
    pub suspend: Script,
    pub renew: Script,
    pub seize: Script,
    pub resume: Script,
    pub reap: Script,
    pub trim: Script,
    pub lapsed: Script,
    pub unlist: Script,
    pub swap: Script,
    pub put: Script,
    pub insert: Script,
    pub claim_session: Script,
    pub forget: Script,
}

impl Scripts {
    /// Compiled by Redis when first used.
    pub fn new() -> Self {
        let script = |body: &str| Script::new(&format!("{PRELUDE}{body}"));
        Self {
            begin: script(BEGIN),
            look: script(LOOK),
            read: script(READ),
            append: script(APPEND),
            finish: script(FINISH),
            suspend: script(SUSPEND),
            renew: script(RENEW),
            seize: script(SEIZE),
            resume: script(RESUME),
            reap: script(REAP),
            trim: script(TRIM),
            lapsed: script(LAPSED),
            unlist: script(UNLIST),
            swap: Script::new(SWAP),
            put: Script::new(PUT),
            insert: Script::new(INSERT),
            claim_session: Script::new(CLAIM_SESSION),
            forget: Script::new(FORGET),
        }
    }
}

/// Keys: meta. Arguments: lease, then fields and values.
const BEGIN: &str = r"
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'epoch', 1, 'position', 0, 'lease', now() + ARGV[1], unpack(ARGV, 2))
return 1
";

/// Keys: meta, log, snapshot. Arguments: life after the end. Returns the record, or whether there is a log.
const LOOK: &str = r"
local task = redis.call('HGETALL', KEYS[1])
if #task == 0 then return redis.call('EXISTS', KEYS[2]) end
if redis.call('HGET', KEYS[1], 'status') ~= 'running' then
    for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
end
return task
";

/// Keys: meta, log, snapshot. Arguments: life after the end, cursor, limit (0: no entries). Returns status, trimmed,
/// newest id, first id, entries, snapshot. Numbers are precise here up to 2⁵³, far beyond any id that Redis gives.
const READ: &str = r"
local function before(one, other)
    local ms, seq = one:match('^(%d+)-(%d+)$')
    local other_ms, other_seq = other:match('^(%d+)-(%d+)$')
    ms, other_ms = tonumber(ms), tonumber(other_ms)
    return ms < other_ms or (ms == other_ms and tonumber(seq) < tonumber(other_seq))
end
local task = redis.call('HMGET', KEYS[1], 'status', 'trimmed')
if not task[1] then return {redis.call('EXISTS', KEYS[2])} end
if task[1] ~= 'running' then
    for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
end
local entries = {}
if ARGV[3] ~= '0' then entries = redis.call('XRANGE', KEYS[2], '(' .. ARGV[2], '+', 'COUNT', ARGV[3]) end
local last = entries
if #entries == 0 or #entries == tonumber(ARGV[3]) then last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1) end
local result = {task[1], task[2] or '', last[1] and last[#last][1] or '', '', entries, ''}
if task[2] then
    local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
    result[4] = first[1] and first[1][1] or ''
    if before(ARGV[2], task[2]) then result[6] = redis.call('GET', KEYS[3]) or '' end
end
return result
";

/// Keys: meta, log. Arguments: epoch, position, lease, channel, chunks.
const APPEND: &str = r"
if not holds(KEYS[1], ARGV[1]) then return false end
local ids = append(KEYS[1], KEYS[2], tonumber(ARGV[2]), 5, #ARGV)
if not ids then return false end
redis.call('HSET', KEYS[1], 'lease', now() + ARGV[3])
redis.call('PUBLISH', ARGV[4], '')
return ids
";

/// Keys: meta, log, snapshot. Arguments: epoch, position, life after the end, channel, status, chunks. A repeat by the
/// one who ended the task succeeds again.
const FINISH: &str = r"
if not holds(KEYS[1], ARGV[1]) then
    if redis.call('HGET', KEYS[1], 'ended') == ARGV[1] then return newest(KEYS[2], #ARGV - 5) end
    return false
end
local ids = append(KEYS[1], KEYS[2], tonumber(ARGV[2]), 6, #ARGV)
if not ids then return false end
redis.call('HSET', KEYS[1], 'status', ARGV[5], 'ended', ARGV[1])
redis.call('HDEL', KEYS[1], 'lease')
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
redis.call('PUBLISH', ARGV[4], '')
return ids
";

/// Keys: meta, log. Arguments: epoch, position, channel, operations, operation, chunks.
const SUSPEND: &str = r"
if not holds(KEYS[1], ARGV[1]) then return false end
local ids = append(KEYS[1], KEYS[2], tonumber(ARGV[2]), 6, #ARGV)
if not ids then return false end
redis.call('HSET', KEYS[1], 'stage', 'waiting', 'operations', ARGV[4], 'operation', ARGV[5])
redis.call('HDEL', KEYS[1], 'lease')
redis.call('PUBLISH', ARGV[3], '')
return ids
";

/// Keys: meta. Arguments: epoch, lease.
const RENEW: &str = r"
if not holds(KEYS[1], ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'lease', now() + ARGV[2])
return 1
";

/// Keys: meta. Arguments: lease. Returns epoch and position.
const SEIZE: &str = r"
if redis.call('HGET', KEYS[1], 'status') ~= 'running' then return false end
redis.call('HSET', KEYS[1], 'lease', now() + ARGV[1])
return {redis.call('HINCRBY', KEYS[1], 'epoch', 1), tonumber(redis.call('HGET', KEYS[1], 'position'))}
";

/// Keys: meta. Arguments: lease, operation. Returns nothing where it is settled, 0 where another process is at it.
const RESUME: &str = r"
local task = redis.call('HMGET', KEYS[1], 'status', 'operation', 'stage', 'lease', 'position')
if task[1] ~= 'running' or task[2] ~= ARGV[2] then return {} end
if task[3] ~= 'waiting' and tonumber(task[4] or 0) > now() then return {0} end
redis.call('HSET', KEYS[1], 'stage', 'resuming', 'lease', now() + ARGV[1])
return {redis.call('HINCRBY', KEYS[1], 'epoch', 1), tonumber(task[5])}
";

/// Keys: meta. Arguments: lease. Returns epoch and position of a claim; or when to look again, 0 for never.
const REAP: &str = r"
local task = redis.call('HMGET', KEYS[1], 'status', 'stage', 'lease', 'position')
if task[1] ~= 'running' or task[2] == 'waiting' then return {0} end
local lease = tonumber(task[3] or 0)
if lease > now() then return {lease} end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
if task[2] == 'resuming' then
    redis.call('HSET', KEYS[1], 'stage', 'waiting')
    redis.call('HDEL', KEYS[1], 'lease')
    return {0}
end
redis.call('HSET', KEYS[1], 'lease', now() + ARGV[1])
return {epoch, tonumber(task[4])}
";

/// Keys: meta, log, snapshot. Arguments: epoch, last id merged, first id kept at the earliest, snapshot.
const TRIM: &str = r"
if not holds(KEYS[1], ARGV[1]) then return 0 end
redis.call('SET', KEYS[3], ARGV[4])
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[3])
redis.call('HSET', KEYS[1], 'trimmed', ARGV[2])
return 1
";

/// Keys: leases. Arguments: how many.
const LAPSED: &str = "return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now(), 'LIMIT', 0, ARGV[1])";

/// Keys: leases. Arguments: task, when to look again (0: never). Leaves alone what was renewed meanwhile.
const UNLIST: &str = r"
local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]))
if not score or score > now() then return end
if ARGV[2] == '0' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
";

/// Keys: any. Arguments: expected value (empty: none), new value (empty: none). Returns the value as it then is.
const SWAP: &str = r"
local value = redis.call('GET', KEYS[1]) or ''
if value ~= ARGV[1] then return value end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return ARGV[2]
";

/// Keys: messages. Arguments: pairs of id and JSON. A replaced message keeps its place.
const PUT: &str = r"
for i = 1, #ARGV, 2 do
    local before = redis.call('HGET', KEYS[1], ARGV[i])
    local sequence = before and before:match('^%d+') or redis.call('HLEN', KEYS[1]) + 1
    redis.call('HSET', KEYS[1], ARGV[i], sequence .. ' ' .. ARGV[i + 1])
end
";

/// Keys: messages. Arguments: id, JSON. Returns what is there already.
const INSERT: &str = r"
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before then return before end
redis.call('HSET', KEYS[1], ARGV[1], redis.call('HLEN', KEYS[1]) + 1 .. ' ' .. ARGV[2])
return false
";

/// Keys: session. Arguments: user. Returns 1 where the session was nobody's and is this user's now.
const CLAIM_SESSION: &str = r"
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[1], 'user_id') then return 0 end
redis.call('HSET', KEYS[1], 'user_id', ARGV[1])
return 1
";

/// Keys: completions. Arguments: group, ms. Forgets the consumers that have not asked for that long and hold nothing; in
/// one step, because what a consumer holds is lost with it.
const FORGET: &str = r"
for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local consumer = {}
    for i = 1, #fields, 2 do consumer[fields[i]] = fields[i + 1] end
    if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    end
end
";
