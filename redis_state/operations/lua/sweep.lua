-- What the sweeps share: a value is removed only as it was met, that is, with the same header from its times on.

-- Of field, header, ... in ARGV from `first` on: the fields that are as they were met, and those
-- that have another value by now.
local function as_met(first)
  local same, changed = {}, {}
  for i = first, #ARGV, 2 do
    local value = redis.call('HGET', page, ARGV[i])
    if value then
      local is_same = is_envelope(value) and string.sub(value, UPDATED_AT, HEADER) == ARGV[i + 1]
      local list = is_same and same or changed
      list[#list + 1] = ARGV[i]
    end
  end
  return same, changed
end
