--[[
  Refuses a message that has not come, unless it has.

  Keys: session, messages, sends, refused
  Arguments: message id, how long it is refused (ms), how many are refused at most
  Returns {'refused'}; {'known', task} where the session knows it; {'replaced'} where it or its answer was removed;
  {'missing'} without a session.
]]
local session, messages, sends, refused = unpack(KEYS)
local id, life, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

if redis.call('EXISTS', session) == 0 then return {'missing'} end
local task = known_task(messages, sends, id)
if task == '' then return {'replaced'} end
if task then return {'known', task} end
redis.call('ZREMRANGEBYSCORE', refused, '-inf', now())
redis.call('ZADD', refused, now() + life, id)
redis.call('ZREMRANGEBYRANK', refused, 0, -most - 1)
redis.call('PEXPIRE', refused, life)
return {'refused'}
