-- Puts an envelope in the place of another with the same deadline, if that is still there; the
-- page's own deadline and its summary stay as they are.
-- ARGV: the field, the old envelope, the new one, the field of that, which may be another
page = KEYS[1]
if redis.call('HGET', page, ARGV[1]) ~= ARGV[2] then return 0 end
local moves = ARGV[4] ~= ARGV[1]
if not (moves and has_later(ARGV[4], ARGV[2])) then
  redis.call('HSET', page, ARGV[4], ARGV[3])
end
if moves then
  turn_to(page)
  remove({ARGV[1]})
end
return 1
