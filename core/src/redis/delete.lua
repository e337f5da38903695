-- KEYS: an object. A queue that took its name stays.
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then
  return 0
end
return redis.call('DEL', KEYS[1])
