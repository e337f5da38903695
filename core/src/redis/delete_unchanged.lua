-- KEYS: an object. ARGV: the bytes that it is deleted with; others stay, and so does a queue.
if redis.call('TYPE', KEYS[1]).ok ~= 'string' or redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
