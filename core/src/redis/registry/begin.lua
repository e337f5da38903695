-- ARGV: a name, the period after which a write that has not ended was given up, the generation
-- of this one, and itself. Answers whether it is written down, the name's row, or false, and the
-- writes that were given up. It is written down with the row where there are none and the row is
-- older; nothing changes otherwise.
local name, generation = ARGV[1], ARGV[3]
local held = redis.call('HGET', KEYS[1], name)
local answer = given_up(name, tonumber(ARGV[2]), { 0, held })
if #answer == 2 and not (held and held:sub(1, 20) >= generation) then
  local write = name .. '\0' .. generation
  redis.call('ZADD', times, now, write)
  redis.call('ZADD', writes, 0, write .. '\0' .. ARGV[4] .. '\0' .. (held or ''))
  answer[1] = 1
end
return answer
