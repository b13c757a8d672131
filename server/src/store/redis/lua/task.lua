--[[
  Reads the record of a task.

  Keys: meta, log, snapshot
  Arguments: life after the end (ms)
  Returns the fields and values of the record; or {} and whether there still is a log.
]]
local meta, log = KEYS[1], KEYS[2]
local record = redis.call('HGETALL', meta)
local status = redis.call('HGET', meta, 'status')
if not status or status == 'withdrawn' then return {{}, redis.call('EXISTS', log)} end
if status ~= 'running' then keep(KEYS, tonumber(ARGV[1])) end
return {record, 1}
