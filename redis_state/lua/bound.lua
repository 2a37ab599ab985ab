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

-- Where nothing expires, nothing has to be looked at.
local function take_out(fields)
  if #fields == 0 then return end
  if redis.call('HEXISTS', page, SUMMARY) == 1 then
    turn_to(page)
    remove(fields)
  else
    for _, field in ipairs(fields) do redis.call('HDEL', page, field) end
  end
end
