-- One step through the values of some pages. ARGV: which of KEYS to go on in, the cursor there, how
-- many fields to a look, how many fields and how many bytes of values are enough for a step, how many
-- bytes may come along in values that come whole, and since when a value must have been written to be
-- told (in ms). The answer is where to go on, 0 at the end, the cursor there, then page, field, header or
-- whole value, size, ...
local number, cursor = tonumber(ARGV[1]), ARGV[2]
local fields, bytes, along = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local since = tonumber(ARGV[7])
local answer = {0, '0'}

local function is_wanted(value)
  -- What is not ours is told as well.
  return since == 0 or not is_envelope(value) or updated_at_of(value) >= since
end

while number <= #KEYS and fields > 0 and bytes > 0 do
  local reply = redis.call('HSCAN', KEYS[number], cursor, 'COUNT', ARGV[3])
  local found = reply[2]
  cursor = reply[1]
  -- An empty page is worth a little, too.
  fields = fields - 1
  for i = 1, #found, 2 do
    fields, bytes = fields - 1, bytes - #found[i + 1]
    if found[i] ~= SUMMARY and is_wanted(found[i + 1]) then
      answer[#answer + 1] = number
      answer[#answer + 1] = found[i]
      if #found[i + 1] <= along then
        along = along - #found[i + 1]
        answer[#answer + 1] = found[i + 1]
      else
        answer[#answer + 1] = string.sub(found[i + 1], 1, HEADER)
      end
      answer[#answer + 1] = #found[i + 1]
    end
  end
  if cursor == '0' then number = number + 1 end
end
if number <= #KEYS then answer[1], answer[2] = number, cursor end
return answer
