-- Removes a field of an asset, or all, unless there are references: the answer is these, and
-- nothing was removed, because their payloads have to go first.
-- ARGV: what a reference begins with, the field or nothing for all
turn_to(KEYS[1])
local found = {}
for _, field in ipairs(ARGV[2] and {ARGV[2]} or redis.call('HKEYS', page)) do
  found[#found + 1] = reference_in(redis.call('HGET', page, field), ARGV[1])
end
if #found > 0 then return found end
if ARGV[2] then remove({ARGV[2]}) else redis.call('UNLINK', page) end
return found
