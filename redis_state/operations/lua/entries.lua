-- ARGV: the prefix of one map index; the answer is field, envelope, ...
page = KEYS[1]
local found = {}
for _, field in ipairs(fields_of(ARGV[1])) do
  local envelope = redis.call('HGET', page, field)
  if envelope then
    found[#found + 1] = field
    found[#found + 1] = envelope
  end
end
return found
