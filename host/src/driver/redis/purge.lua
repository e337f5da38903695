-- Answers how many elements there were.
local elements = redis.call('LLEN', queue) + redis.call('ZCARD', ends)
redis.call('DEL', queue, ids, held, ends, counts)
return elements
