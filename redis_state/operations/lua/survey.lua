-- One step through a page. ARGV: the cursor, how many fields to a step, the id of the newest key,
-- what a reference begins with. The answer is the next cursor, how many values are encrypted with
-- that key, how many are references, then the fields of all others.
page = KEYS[1]
local reply = redis.call('HSCAN', page, ARGV[1], 'COUNT', ARGV[2])
local answer = {reply[1], 0, 0}
for i = 1, #reply[2], 2 do
  local field, envelope = reply[2][i], reply[2][i + 1]
  local encrypted = is_envelope(envelope) and math.floor(string.byte(envelope) / ENCRYPTED) % 2 == 1
  if field == SUMMARY then
    -- not a value
  elseif encrypted and string.sub(envelope, HEADER + 1, HEADER + #ARGV[3]) == ARGV[3] then
    answer[2] = answer[2] + 1
  elseif reference_in(envelope, ARGV[4]) then
    answer[3] = answer[3] + 1
  else
    answer[#answer + 1] = field
  end
end
return answer
