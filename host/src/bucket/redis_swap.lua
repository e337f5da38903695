-- ARGV: the field, the new value, the value that should be there; none for an absent one.
-- Answers whether it was, else what was there.
local found = redis.call('HGET', KEYS[1], ARGV[1])
if found ~= (ARGV[3] or false) then
  return { 0, found }
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return { 1, false }
