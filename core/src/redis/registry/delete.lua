-- Removes a document. KEYS: the table; ARGV: its id, and the revision that it must have, 20
-- digits of 0 for none, or an empty text. Answers whether there was one, or false when it has
-- another revision.
local held = redis.call('HGET', KEYS[1], ARGV[1])
local revision = held and held:sub(1, 20) or string.rep('0', 20)
if ARGV[2] ~= '' and ARGV[2] ~= revision then
  return false
end
return redis.call('HDEL', KEYS[1], ARGV[1])
