-- Registers routes. KEYS: routes, names, times; ARGV: a name and its row, for each.
-- A row is its generation and its time, 20 digits each, and the route, with spaces between.
-- Answers for each an empty text, or the generation of a newer route that stays.
local answers = {}
for n = 1, #ARGV, 2 do
  local name, row = ARGV[n], ARGV[n + 1]
  local held = redis.call('HGET', KEYS[1], name)
  if held and held:sub(1, 20) > row:sub(1, 20) then
    answers[#answers + 1] = held:sub(1, 20)
  else
    redis.call('HSET', KEYS[1], name, row)
    redis.call('ZADD', KEYS[2], 0, name)
    local at = row:sub(22, 41)
    if at ~= '00000000000000000000' then
      redis.call('ZADD', KEYS[3], at, name)
    elseif held then
      redis.call('ZREM', KEYS[3], name)
    end
    answers[#answers + 1] = ''
  end
end
return answers
