--[[
  Gives an ownerless session to a user.

  Keys: session
  Arguments: user
  Returns 1 where the session was nobody's and is this user's now.
]]
local session, user = KEYS[1], ARGV[1]
if redis.call('EXISTS', session) == 0 or redis.call('HGET', session, 'user_id') then return 0 end
redis.call('HSET', session, 'user_id', user)
return 1
