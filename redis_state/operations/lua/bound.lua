-- A worker value of an asset is bound to it by a deadline that never comes: see the format.
local function is_bound(envelope)
  return is_envelope(envelope) and string.sub(deadline_in(envelope), 1, #BOUND) == BOUND
end

-- What tells this write of a worker value from others: the number that the worker drew for it, or,
-- from an older worker, when it was.
local function mark_of(envelope)
  local drawn = string.sub(envelope, INCARNATION, HEADER)
  if drawn ~= NO_MARK then return drawn end
  return string.sub(envelope, UPDATED_AT_END - #NO_MARK + 1, UPDATED_AT_END)
end
