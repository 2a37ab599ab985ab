-- A reference of a task and the payload that it names, which the worker has just written, end
-- together. KEYS: the page of the reference, that of the payload; ARGV: deadline in ms (0: never),
-- the deadline as an envelope has it, the envelope of the reference, '1' if that names the payload,
-- which is stale otherwise; then the field of both, and others that they may lie under. The answer is
-- 1, or 0 and nothing was written, if the payload is not there: then it was removed meanwhile.
local deadline, fields = tonumber(ARGV[1]), rest_of(ARGV, 5)

local function is_missing()
  for _, field in ipairs(fields) do
    if redis.call('HEXISTS', KEYS[2], field) == 1 then return false end
  end
  -- What has ended took its payload along.
  local clock = redis.call('TIME')
  return deadline == 0 or deadline > clock[1] * 1000 + math.floor(clock[2] / 1000)
end

if ARGV[4] == '1' and is_missing() then return 0 end
turn_to(KEYS[1])
discard(rest_of(fields, 2))
write(deadline, {fields[1], ARGV[3]}, 1)

for _, field in ipairs(fields) do
  turn_to(KEYS[2])
  local payload = redis.call('HGET', page, field)
  if payload and ARGV[4] ~= '1' then
    remove({field})
  elseif payload and is_envelope(payload) then
    write(deadline, {field, string.sub(payload, 1, 7) .. ARGV[2] .. string.sub(payload, 16)}, 1)
  end
end
return 1
