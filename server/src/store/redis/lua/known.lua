--[[
  Finds the task that answers a message or a send.

  Keys: messages, sends
  Arguments: id
  Returns the task that answers it, '' where its message or answer was removed, or nil where it is not known.
]]
return known_task(KEYS[1], KEYS[2], ARGV[1])
