-- Removes values of an asset that are as they were met. The answer is the fields that stay, for they
-- changed, then what is to be removed of worker values.
-- ARGV, then: how many answers at most, then field, header, ...
page = KEYS[1]
local gone, changed = as_met(3)
for _, field in ipairs(gone) do supersede(field) end
take_out(gone)
return {changed, superseded(tonumber(ARGV[2]))}
