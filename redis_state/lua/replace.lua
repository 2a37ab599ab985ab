-- Writes the reference of an asset; the answer is another one that it took the place of, if any.
-- ARGV: what a reference begins with, the envelope, its field, and others that it may lie under
local old
turn_to(KEYS[1])
for _, field in ipairs(rest_of(ARGV, 3)) do
  old = old or reference_in(redis.call('HGET', page, field), ARGV[1])
end
discard(rest_of(ARGV, 4))
write(0, {ARGV[3], ARGV[2]}, 1)
if old ~= reference_in(ARGV[2], ARGV[1]) then return old end
