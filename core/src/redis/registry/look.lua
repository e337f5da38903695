-- ARGV: a name, and the period after which a write that has not ended was given up. Answers the
-- name's row, or false, and the writes of it that were given up.
local found = { redis.call('HGET', KEYS[1], ARGV[1]) }
return given_up(ARGV[1], tonumber(ARGV[2]), found)
