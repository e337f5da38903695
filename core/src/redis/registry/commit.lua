-- Registers the route of a write, or ends the write, or both. KEYS: routes, names, times, writes
-- that have begun by name, the same by time; ARGV: its name, its generation, its row or an empty
-- text, the generation that the name must have for it, 20 digits of 0 for none, or an empty text,
-- and whether the write ends, 1 or 0. Answers an empty text, or the generation in the way: then
-- nothing changes.
local name, generation, row, expected = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local held = redis.call('HGET', KEYS[1], name)
local has = held and held:sub(1, 20) or string.rep('0', 20)
-- A commit that is repeated finds what it did.
if row ~= '' and has ~= generation and ((expected ~= '' and has ~= expected) or has > generation) then
  return has
end
-- The write is there to be settled until its route is registered.
if row ~= '' then
  register(name, row)
end
if ARGV[5] == '1' then
  local write = name .. '\0' .. generation
  redis.call('ZREMRANGEBYLEX', KEYS[4], '[' .. write .. '\0', '(' .. write .. '\1')
  redis.call('ZREM', KEYS[5], write)
end
return ''
