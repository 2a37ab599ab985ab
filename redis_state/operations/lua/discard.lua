-- Removes values that still are what they were. ARGV: field, the header that its value has to have, without the first byte, ...
-- The answer is how many.
turn_to(KEYS[1])
local gone = {}
for i = 1, #ARGV, 2 do
  local value = redis.call('HGET', page, ARGV[i])
  local is_same = value and string.sub(value, 2, HEADER) == ARGV[i + 1]
  if is_same then gone[#gone + 1] = ARGV[i] end
end
if #gone > 0 then remove(gone) end
return #gone
