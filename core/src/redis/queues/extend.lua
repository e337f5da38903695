-- ARGV: the token, the period.
return_ended()
if not redis.call('ZSCORE', ends, ARGV[1]) then
  return 0
end
redis.call('ZADD', ends, now + ARGV[2], ARGV[1])
return 1
