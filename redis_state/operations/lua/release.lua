-- Removes what a worker keeps for an asset, but what a document of the server side refers to: that
-- goes with the document. The answer is all fields, if they are too many for one step.
-- ARGV: how many at most, the fields, or none for all
page = KEYS[1]
local fields = rest_of(ARGV, 2)
if #fields == 0 then fields = redis.call('HKEYS', page) end
if #fields > tonumber(ARGV[1]) then return fields end
local gone = {}
for _, field in ipairs(fields) do
  local value = field ~= SUMMARY and redis.call('HGET', page, field)
  if value and not is_bound(value) then gone[#gone + 1] = field end
end
take_out(gone)
return {}
