-- What every script of queues begins with.
-- KEYS: the queue, ids by time, leased bytes by token, ends of leases by token, deliveries by
-- the hash of the bytes (and that hash by token).
local queue, ids, held, ends, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local DAY = 86400000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A key that is no list ends the script here, before anything changed.
redis.call('LLEN', queue)

-- Ends a lease: its bytes and their hash, or false.
-- What takes memory comes after what frees it: a full server refuses only the first change.
local function release(token)
  if redis.call('ZREM', ends, token) == 0 then
    return false
  end
  local data, hash = redis.call('HGET', held, token), redis.call('HGET', counts, token)
  redis.call('HDEL', held, token)
  redis.call('HDEL', counts, token)
  return data, hash
end

-- Returns elements whose lease has ended, so that the one that ended first comes out first.
local function return_ended()
  local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 1000)
  for n = #ended, 1, -1 do
    local data = release(ended[n])
    if data then
      redis.call('RPUSH', queue, data)
    end
  end
end

-- Deliveries stay while elements are leased, and a day longer.
local function keep_counts()
  if redis.call('EXISTS', held) == 1 then
    redis.call('PERSIST', counts)
  else
    redis.call('PEXPIRE', counts, DAY)
  end
end
