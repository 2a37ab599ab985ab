-- `values` is field, envelope, ... from `first` on; they share the deadline in ms (0: never).
local function write(deadline, values, first)
  for i = first, #values, 2 do
    redis.call('HSET', page, values[i], values[i + 1])
    if deadline ~= 0 then
      redis.call('HPEXPIREAT', page, integer(deadline), 'FIELDS', 1, values[i])
    end
  end
end
