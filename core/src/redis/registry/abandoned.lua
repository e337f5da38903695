-- ARGV: the period after which a write that has not ended was given up, how many to leave out,
-- and how many to look at.
-- Answers the writes, the oldest first.
local period = tonumber(ARGV[1])
local ended = redis.call('ZRANGEBYSCORE', times, '-inf', now - period, 'LIMIT', ARGV[2], ARGV[3])
local found = {}
for _, write in ipairs(ended) do
  local all = redis.call('ZRANGEBYLEX', writes, '[' .. write .. '\0', '(' .. write .. '\1')
  if #all == 0 then
    redis.call('ZREM', times, write)
  end
  for _, whole in ipairs(all) do
    found[#found + 1] = whole
  end
end
return found
