-- Writes a document. KEYS: the table; ARGV: its id, its body, and the revision that it must
-- have, 20 digits of 0 for none, or an empty text. Answers its new revision, or false.
-- Revisions are microseconds of the server's clock, or one more than the last, so that one that
-- comes back has another.
local held = redis.call('HGET', KEYS[1], ARGV[1])
local revision = held and held:sub(1, 20) or string.rep('0', 20)
if ARGV[3] ~= '' and ARGV[3] ~= revision then
  return false
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- The id of no document is empty: this row holds the last revision.
local last = tonumber(redis.call('HGET', KEYS[1], '') or '0')
if now <= last then
  now = last + 1
end
local text = string.format('%020.0f', now)
redis.call('HSET', KEYS[1], '', text, ARGV[1], text .. ' ' .. ARGV[2])
return text
