-- ARGV: the window, the ids it holds at most, then an id and its bytes for each element.
-- The push comes first: on a full server it is refused, and nothing has changed.
local oldest = now - ARGV[1]
local answers = {}
for n = 3, #ARGV, 2 do
  local at = redis.call('ZSCORE', ids, ARGV[n])
  if at and tonumber(at) > oldest then
    answers[#answers + 1] = 0
  else
    redis.call('LPUSH', queue, ARGV[n + 1])
    redis.call('ZADD', ids, now, ARGV[n])
    answers[#answers + 1] = 1
  end
end
redis.call('ZREMRANGEBYSCORE', ids, '-inf', oldest)
redis.call('ZREMRANGEBYRANK', ids, 0, -(ARGV[2] + 1))
redis.call('PEXPIRE', ids, ARGV[1])
return answers
