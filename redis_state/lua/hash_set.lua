-- ARGV: deadline in ms (0: never), then field, envelope, ...
local deadline = tonumber(ARGV[1])
local fields, due = {}, lapsed
for i = 2, #ARGV, 2 do fields[#fields + 1] = ARGV[i] end

if deadline ~= 0 and deadline <= now then
  remove(fields)
  return
end

local outlives = deadline == 0 or (ttl >= 0 and deadline >= latest)
for i = 2, #ARGV, 2 do
  if not outlives then due = decides(ARGV[i]) or due end
  redis.call('HSET', page, ARGV[i], ARGV[i + 1])
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
