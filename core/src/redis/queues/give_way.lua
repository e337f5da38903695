-- KEYS: as in queue.lua. An object that has the queue's name gives way.
-- A full server takes what follows, because memory was freed in the same step.
if redis.call('TYPE', KEYS[1]).ok == 'string' then
  redis.call('DEL', KEYS[1])
end
