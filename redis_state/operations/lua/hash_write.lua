-- `values` is field, envelope, ... from `first` on; they share the deadline in ms (0: never).
local function write(deadline, values, first)
  if deadline ~= 0 and deadline <= now then
    local fields = {}
    for i = first, #values, 2 do fields[#fields + 1] = values[i] end
    remove(fields)
    return
  end

  local outlives, has_decided = deadline == 0 or (ttl >= 0 and deadline >= latest), false
  for i = first, #values, 2 do
    if not outlives then has_decided = is_decided_by(values[i]) or has_decided end
    redis.call('HSET', page, values[i], values[i + 1])
  end

  if lapsed or (has_decided and not is_still_decided()) then
    settle()
  elseif deadline == 0 then
    if ttl >= 0 then redis.call('PERSIST', page) end
  else
    if earliest == nil or deadline < earliest then
      redis.call('HSET', page, SUMMARY, integer(deadline))
    end
    if ttl == -2 then
      redis.call('PEXPIREAT', page, integer(deadline))
    elseif ttl >= 0 and deadline > latest then
      redis.call('PEXPIREAT', page, integer(deadline))
    end
  end
end
