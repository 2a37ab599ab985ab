-- Writes the reference of an asset; the answer is another one that it took the place of, if any.
-- ARGV: what a reference begins with, the field, the envelope
turn_to(KEYS[1])
local old = reference_in(redis.call('HGET', page, ARGV[2]), ARGV[1])
write(0, ARGV, 2)
if old ~= reference_in(ARGV[3], ARGV[1]) then return old end
