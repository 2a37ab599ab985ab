-- Removes a document of an asset whose payload is not there, if it still stands.
-- ARGV, then: its mark and text, the fields that it may lie under
page = KEYS[1]
local gone = {}
for _, field in ipairs(rest_of(ARGV, 3)) do
  if bound_in(redis.call('HGET', page, field)) == ARGV[2] then gone[#gone + 1] = field end
end
take_out(gone)
