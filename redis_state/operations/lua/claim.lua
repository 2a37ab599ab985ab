-- Marks a namespace for a metadata database, unless it is marked. KEYS: the mark.
-- ARGV: the id of the database, the present. Returns whose it is, and since when.
if not redis.call('HGET', KEYS[1], 'database') then
  redis.call('HSET', KEYS[1], 'database', ARGV[1], 'since', ARGV[2])
end
return redis.call('HMGET', KEYS[1], 'database', 'since')
