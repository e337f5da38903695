-- KEYS: as in queue.lua, which ends where the key is no list.
-- Answers how many elements there were. An object that took the queue's name stays.
local queue, ids, held, ends, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local elements = redis.call('ZCARD', ends)
if redis.call('TYPE', queue).ok == 'list' then
  elements = elements + redis.call('LLEN', queue)
  redis.call('DEL', queue)
end
redis.call('DEL', ids, held, ends, counts)
return elements
