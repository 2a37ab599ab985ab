-- `values` is field, envelope, ... from `first` on; they share the deadline in ms (0: never).
local function write(deadline, values, first)
  local due = lapsed
  if deadline ~= 0 and deadline <= now then
    local fields = {}
    for i = first, #values, 2 do fields[#fields + 1] = values[i] end
    remove(fields)
    return
  end

  local outlives = deadline == 0 or (ttl >= 0 and deadline >= latest)
  for i = first, #values, 2 do
    if not outlives then due = decides(values[i]) or due end
    redis.call('HSET', page, values[i], values[i + 1])
  end

  if due then
    settle()
  elseif deadline == 0 then
    if ttl >= 0 then redis.call('PERSIST', page) end
  else
    if earliest == nil or deadline < earliest then
      redis.call('HSET', page, SUMMARY, integer(deadline))
    end
    if ttl == -2 then
      redis.call('PEXPIREAT', page, integer(deadline))
    elseif ttl >= 0 and deadline > latest - SLACK then
      redis.call('PEXPIREAT', page, integer(math.max(deadline, latest)))
    end
  end
end
