-- ARGV: deadline in ms (0: never), how many fields to remove, these, then field, envelope, ...
local stale = {}
for i = 3, 2 + ARGV[2] do stale[#stale + 1] = ARGV[i] end
turn_to(KEYS[1])
discard(stale)
write(tonumber(ARGV[1]), ARGV, 3 + ARGV[2])
