-- Of two values under names of one state key, the later one stays.
local function updated_at(envelope)
  local milliseconds = 0
  for i = 2, 7 do milliseconds = milliseconds * 256 + string.byte(envelope, i) end
  return milliseconds
end

local function has_later(field, envelope)
  local there = redis.call('HGET', page, field)
  return there and is_envelope(there) and updated_at(there) >= updated_at(envelope)
end
