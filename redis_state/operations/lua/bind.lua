-- Binds the worker value of a reference to the asset whose document is about to be written; the
-- answer is its mark, nothing if there is none, '' if it is another asset's. ARGV: the asset as a
-- deadline, '1' if the reference is known to be its own, the field of the worker value
turn_to(KEYS[1])
local value = redis.call('HGET', page, ARGV[3])
if not (value and is_envelope(value)) then return end
if deadline_in(value) ~= ARGV[1] then
  if is_bound(value) and ARGV[2] ~= '1' then return '' end
  write(0, {ARGV[3], with_deadline(value, ARGV[1])}, 1)
end
return mark_of(value)
