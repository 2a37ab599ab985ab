-- Removes all of an asset in one step, unless it has too many fields for one. The answer is these
-- fields, or none, then what is to be removed of worker values.
-- ARGV, then: how many fields and answers at most
page = KEYS[1]
local fields = redis.call('HKEYS', page)
local limit = tonumber(ARGV[2])
if #fields > limit then return {fields, {}} end
for _, field in ipairs(fields) do supersede(field) end
redis.call('UNLINK', page)
return {{}, superseded(limit)}
