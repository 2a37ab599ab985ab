-- ARGV: the prefix of one map index; the answer is field, envelope, ...
local found = {}
for _, field in ipairs(fields_of(ARGV[1])) do
  found[#found + 1] = field
  found[#found + 1] = redis.call('HGET', page, field)
end
return found
