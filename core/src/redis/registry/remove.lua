-- Removes a route. KEYS: routes, names, times; ARGV: its name, and the generation that it must
-- have, or an empty text. Answers whether there was one.
local held = redis.call('HGET', KEYS[1], ARGV[1])
if not held or (ARGV[2] ~= '' and held:sub(1, 20) ~= ARGV[2]) then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1
