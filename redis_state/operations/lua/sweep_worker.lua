-- Removes worker values that are as they were met, unless there is a reference by now. The answer is
-- the fields that stay. KEYS: their page, and that of their references, if these matter.
-- ARGV: what a reference begins with, then field, header, ...
turn_to(KEYS[1])
local same, stay = as_met(2)
local gone = {}
for _, field in ipairs(same) do
  local list = gone
  if KEYS[2] and may_refer(redis.call('HGET', KEYS[2], field), ARGV[1]) then list = stay end
  list[#list + 1] = field
end
remove(gone)
return stay
