-- ARGV: the most bytes to answer, then the fields. Answers the values, or their bytes where they
-- are too many.
local bytes = 0
for i = 2, #ARGV do
  bytes = bytes + redis.call('HSTRLEN', KEYS[1], ARGV[i])
end
if bytes > tonumber(ARGV[1]) then
  return bytes
end
local values = {}
for i = 2, #ARGV do
  values[i - 1] = redis.call('HGET', KEYS[1], ARGV[i])
end
return values
