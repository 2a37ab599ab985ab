-- Puts an envelope in the place of another with the same deadline, if that is still there; the
-- field keeps the deadline that the server knows, which writing to it would take away.
-- ARGV: the field, the old envelope, the new one
page = KEYS[1]
if redis.call('HGET', page, ARGV[1]) ~= ARGV[2] then return 0 end
local deadline = redis.call('HPEXPIRETIME', page, 'FIELDS', 1, ARGV[1])[1]
redis.call('HSET', page, ARGV[1], ARGV[3])
if deadline > 0 then
  redis.call('HPEXPIREAT', page, integer(deadline), 'FIELDS', 1, ARGV[1])
end
return 1
