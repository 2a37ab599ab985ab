-- Puts an envelope in the place of another with the same deadline, if that is still there; the
-- page's own deadline and its summary stay as they are.
-- ARGV: the field, the old envelope, the new one
page = KEYS[1]
if redis.call('HGET', page, ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', page, ARGV[1], ARGV[3])
return 1
