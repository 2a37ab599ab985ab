-- Removes a field of an asset, or all, unless there are references: the answer is these, and
-- nothing was removed, because their payloads have to go first.
-- ARGV: what a reference begins with, then the fields that a value may lie under, or none for all
turn_to(KEYS[1])
local found, fields = {}, rest_of(ARGV, 2)
for _, field in ipairs(#fields > 0 and fields or redis.call('HKEYS', page)) do
  found[#found + 1] = reference_in(redis.call('HGET', page, field), ARGV[1])
end
if #found > 0 then return found end
if #fields > 0 then remove(fields) else redis.call('UNLINK', page) end
return found
