-- Removes values of a task that are as they were met, and the worker values beside them, unless these
-- are new: their references may be on their way. The answer is the fields that stay, for they changed.
-- KEYS: their page, and that of the worker values, if there may be some. ARGV: the moment in ms from
-- which on a worker value is new, then field, header, ...
turn_to(KEYS[1])
local gone, changed = as_met(2)
remove(gone)
if KEYS[2] then
  turn_to(KEYS[2])
  local left = {}
  for _, field in ipairs(gone) do
    local value = redis.call('HGET', page, field)
    if value and is_envelope(value) and updated_at_of(value) < tonumber(ARGV[1]) then
      left[#left + 1] = field
    end
  end
  remove(left)
end
return changed
