-- Routes that have expired, oldest first. KEYS: routes, names, times; ARGV: the time, and how
-- many. Answers pairs of a name and its row.
local names = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local pairs_found = {}
for _, name in ipairs(names) do
  local row = redis.call('HGET', KEYS[1], name)
  if row then
    pairs_found[#pairs_found + 1] = { name, row }
  end
end
return pairs_found
