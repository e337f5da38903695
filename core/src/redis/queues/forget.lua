-- KEYS: the queues with leases. ARGV: a queue, a time. Forgets the queue unless it was used
-- since.
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if at and tonumber(at) <= tonumber(ARGV[2]) then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
