-- ARGV: the token.
return_ended()
local data, hash = release(ARGV[1])
if not data then
  return 0
end
redis.call('HDEL', counts, hash)
keep_counts()
return 1
