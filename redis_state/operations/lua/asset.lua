-- An asset's document whose worker value goes after it. KEYS: the page of the asset, then that of
-- what is still to be removed, a hash whose fields are the documents from the mark of their worker
-- value on, which ends the header, and the text. ARGV[1]: what a reference begins with.
local refs = KEYS[2]

-- The mark and text of a document that stands for a worker value.
local function bound_in(envelope)
  local text = reference_in(envelope, ARGV[1])
  local mark = text and string.sub(envelope, INCARNATION, HEADER)
  return mark and mark ~= NO_MARK and mark .. text or nil
end

local function supersede(field, new)
  local old = redis.call('HGET', page, field)
  local entry = bound_in(old)
  -- A later worker value under the same reference has overwritten the earlier one.
  if entry and string.sub(entry, #NO_MARK + 1) ~= reference_in(new, ARGV[1]) then
    redis.call('HSET', refs, entry, old)
  end
end

local function superseded(limit)
  local found = redis.call('HKEYS', refs)
  return #found > limit and {unpack(found, 1, limit)} or found
end
