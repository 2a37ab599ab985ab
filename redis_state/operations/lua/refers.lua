-- May a value be a reference? One of an unknown format may be. `mark` is what a reference begins with.
local PLAIN, ENCODED = FORMAT * 16, FORMAT * 16 + 3

local function may_refer(value, mark)
  if not value then return false end
  local first = is_envelope(value) and string.byte(value) or 0
  if first == PLAIN then return reference_in(value, mark) ~= nil end
  return first < PLAIN or first > ENCODED
end
