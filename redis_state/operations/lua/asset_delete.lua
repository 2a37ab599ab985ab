-- Removes fields of an asset; the answer is what is to be removed of worker values.
-- ARGV, then: how many answers at most, the fields
page = KEYS[1]
local fields = rest_of(ARGV, 3)
for _, field in ipairs(fields) do supersede(field) end
take_out(fields)
return superseded(tonumber(ARGV[2]))
