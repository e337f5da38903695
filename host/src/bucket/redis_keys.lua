-- ARGV: the cursor, how many fields to look at. Answers the next cursor and the fields. A server
-- that cannot list fields alone lists their values too, which stay here.
local step = 1
local page = redis.pcall('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2], 'NOVALUES')
if page.err then
  step = 2
  page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
end
local fields = {}
for i = 1, #page[2], step do
  fields[#fields + 1] = page[2][i]
end
return { page[1], fields }
