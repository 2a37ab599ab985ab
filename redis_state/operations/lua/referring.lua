-- Tells which fields of a page may hold a reference.
-- KEYS: the page; ARGV: what a reference begins with, the fields
local found = {}
for i = 2, #ARGV do
  if may_refer(redis.call('HGET', KEYS[1], ARGV[i]), ARGV[1]) then found[#found + 1] = ARGV[i] end
end
return found
