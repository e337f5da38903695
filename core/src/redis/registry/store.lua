-- Stores an object's bytes and registers their route in one step. KEYS: routes, names, times,
-- writes that have begun by name, the same by time, and the object; ARGV: its name, the period
-- after which a write that has not ended was given up, the generation of this one, its row, the
-- instance and the kind of its route, 1 where a plugin has written its bytes or else 0, the
-- bytes, and for how many milliseconds they are kept, or an empty text. Answers 1, or 0: then
-- nothing changes, because the name has a newer route, one that is damaged or writes that were
-- given up, or its bytes are elsewhere too, or readers must be told first that other bytes take
-- their place.
local name, generation, left = ARGV[1], ARGV[3], ARGV[9]
local held = redis.call('HGET', KEYS[1], name)
if held then
  local read, old = pcall(cjson.decode, held:sub(43))
  if not read then
    return 0
  end
  local alone = old.framedb_id == ARGV[5] and old.kind == ARGV[6] and not old.copies
  local plain = ARGV[7] == '0' and not old.codec and not old.next
  if held:sub(1, 20) >= generation or not alone or not plain then
    return 0
  end
end
if #given_up(name, tonumber(ARGV[2]), {}) > 0 then
  return 0
end

local done, problem = pcall(function()
  register(name, ARGV[4])
  -- The bytes last: what was there before cannot be put back.
  if left ~= '' then
    redis.call('SET', KEYS[6], ARGV[8], 'PX', left)
  else
    redis.call('SET', KEYS[6], ARGV[8])
  end
end)
if not done then
  -- The user lacks a right. Nothing is to be left in half, as far as the user may.
  if held then
    redis.pcall('HSET', KEYS[1], name, held)
    local at = held:sub(22, 41)
    if at ~= '00000000000000000000' then
      redis.pcall('ZADD', KEYS[3], at, name)
    else
      redis.pcall('ZREM', KEYS[3], name)
    end
  else
    redis.pcall('HDEL', KEYS[1], name)
    redis.pcall('ZREM', KEYS[2], name)
    redis.pcall('ZREM', KEYS[3], name)
  end
  return type(problem) == 'table' and problem or redis.error_reply(problem)
end
return 1
