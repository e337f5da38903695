-- A page of routes in byte order of their names. KEYS: routes, names, times; ARGV: where to
-- begin, as ZRANGEBYLEX takes it, and how many. Answers the last name if there may be more, and
-- pairs of a name and its row.
local names = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
local pairs_found = {}
for _, name in ipairs(names) do
  local row = redis.call('HGET', KEYS[1], name)
  if row then
    pairs_found[#pairs_found + 1] = { name, row }
  end
end
local last = false
if #names == tonumber(ARGV[2]) then
  last = names[#names]
end
return { last, pairs_found }
