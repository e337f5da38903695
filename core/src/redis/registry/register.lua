-- Registers routes. ARGV: a name and its row, for each. Answers for each an empty text, or the
-- generation of a newer route that stays.
local answers = {}
for n = 1, #ARGV, 2 do
  answers[#answers + 1] = register(ARGV[n], ARGV[n + 1])
end
return answers
