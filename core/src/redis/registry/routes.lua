-- What scripts that register routes begin with. KEYS: routes, names, times.

-- Registers a route. A row is its generation and its time, 20 digits each, and the route, with
-- spaces between. Answers an empty text, or the generation of a newer route that stays.
local function register(name, row)
  local held = redis.call('HGET', KEYS[1], name)
  if held and held:sub(1, 20) > row:sub(1, 20) then
    return held:sub(1, 20)
  end
  redis.call('HSET', KEYS[1], name, row)
  redis.call('ZADD', KEYS[2], 0, name)
  local at = row:sub(22, 41)
  if at ~= '00000000000000000000' then
    redis.call('ZADD', KEYS[3], at, name)
  elseif held then
    redis.call('ZREM', KEYS[3], name)
  end
  return ''
end
