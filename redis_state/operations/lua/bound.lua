-- The payload of an asset is bound to the asset by a deadline that never comes: see the format.
local BOUND = '\3\132\0'

local function is_bound(envelope)
  return is_envelope(envelope) and string.sub(envelope, 8, 10) == BOUND
end

-- What tells this write of a payload from others: the number that the worker drew for it, or, from
-- an older worker, when it was.
local function mark_of(envelope)
  local drawn = string.sub(envelope, HEADER - 3, HEADER)
  return drawn ~= '\0\0\0\0' and drawn or string.sub(envelope, 4, 7)
end
