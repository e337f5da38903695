-- What scripts that look for writes begin with. KEYS: routes, names, times, writes that have
-- begun by name, the same by time.
-- A write is a name, a zero byte, its generation as 20 digits, a zero byte, its intent, a
-- zero byte, and the row that it found; among the times it is the first three of these.
local writes, times = KEYS[4], KEYS[5]

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Adds the writes of a name that began no less than a period ago and have not ended.
local function given_up(name, period, found)
  local all = redis.call('ZRANGEBYLEX', writes, '[' .. name .. '\0', '(' .. name .. '\1')
  for _, write in ipairs(all) do
    local at = redis.call('ZSCORE', times, write:sub(1, #name + 21))
    if not at or tonumber(at) <= now - period then
      found[#found + 1] = write
    end
  end
  return found
end
