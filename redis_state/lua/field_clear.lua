-- ARGV: the prefix of one map index
for _, field in ipairs(fields_of(ARGV[1])) do redis.call('HDEL', page, field) end
