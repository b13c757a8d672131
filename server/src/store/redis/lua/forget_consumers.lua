--[[
  Forgets consumers that have not asked for long and hold nothing; in one step, because what a consumer holds is lost
  with it.

  Keys: completions
  Arguments: group, time without a question (ms)
]]
local completions = KEYS[1]
local group, idle = ARGV[1], tonumber(ARGV[2])
for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', completions, group)) do
    local consumer = {}
    for i = 1, #fields, 2 do consumer[fields[i]] = fields[i + 1] end
    if consumer.pending == 0 and consumer.idle > idle then
        redis.call('XGROUP', 'DELCONSUMER', completions, group, consumer.name)
    end
end
