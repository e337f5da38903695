-- ARGV: the token, the period. Answers the bytes and how often they were handed out.
return_ended()
local data = redis.call('RPOP', queue)
if not data then
  keep_counts()
  return false
end
local hash = redis.sha1hex(data)
local deliveries = redis.call('HINCRBY', counts, hash, 1)
redis.call('HSET', counts, ARGV[1], hash)
redis.call('HSET', held, ARGV[1], data)
redis.call('ZADD', ends, now + ARGV[2], ARGV[1])
keep_counts()
return { data, deliveries }
