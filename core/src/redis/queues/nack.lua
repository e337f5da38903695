-- ARGV: the token.
return_ended()
local data = release(ARGV[1])
if not data then
  return 0
end
redis.call('RPUSH', queue, data)
keep_counts()
return 1
