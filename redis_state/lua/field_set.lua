-- ARGV: deadline in ms (0: never), then field, envelope, ...
for i = 2, #ARGV, 2 do
  redis.call('HSET', page, ARGV[i], ARGV[i + 1])
  if ARGV[1] ~= '0' then redis.call('HPEXPIREAT', page, ARGV[1], 'FIELDS', 1, ARGV[i]) end
end
