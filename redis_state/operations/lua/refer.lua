-- A reference of a task and the worker value that it names, which the worker has just written, end
-- together. KEYS: the page of the reference, that of the worker value; ARGV: deadline in ms (0:
-- never), the deadline as an envelope has it, the envelope of the reference, '1' if that names the
-- worker value, which is stale otherwise, the field of both. The answer is 1, or 0 and nothing was
-- written, if the worker value is not there: then it was removed meanwhile.
local deadline, field = tonumber(ARGV[1]), ARGV[5]

local function is_missing()
  if redis.call('HEXISTS', KEYS[2], field) == 1 then return false end
  -- What has ended took its worker value along.
  return deadline == 0 or deadline > milliseconds()
end

if ARGV[4] == '1' and is_missing() then return 0 end
turn_to(KEYS[1])
write(deadline, {field, ARGV[3]}, 1)

turn_to(KEYS[2])
local value = redis.call('HGET', page, field)
if value and ARGV[4] ~= '1' then
  remove({field})
elseif value and is_envelope(value) then
  write(deadline, {field, with_deadline(value, ARGV[2])}, 1)
end
return 1
