-- One step through a page. ARGV: the cursor, how many fields to a step, the id of the newest key,
-- what a reference begins with, what encrypted names begin with, then what a name has to begin with
-- or nothing, and '1' if map indices stand before the names. The answer is the next cursor, how many
-- values are sealed with that key, how many are references, then the fields of all others, and of
-- those that are to have another name.
page = KEYS[1]

local function is_named_well(field)
  local name = ARGV[7] == '1' and string.gsub(field, '^%d+:', '', 1) or field
  if ARGV[6] ~= '' then return string.sub(name, 1, #ARGV[6]) == ARGV[6] end
  return string.sub(name, 1, #ARGV[5]) ~= ARGV[5]
end

local reply = redis.call('HSCAN', page, ARGV[1], 'COUNT', ARGV[2])
local answer = {reply[1], 0, 0}
for i = 1, #reply[2], 2 do
  local field, envelope = reply[2][i], reply[2][i + 1]
  local encrypted = is_envelope(envelope) and math.floor(string.byte(envelope) / 2) % 2 == 1
  if field == SUMMARY then
    -- not a value
  elseif not is_named_well(field) then
    answer[#answer + 1] = field
  elseif encrypted and string.sub(envelope, HEADER + 1, HEADER + 4) == ARGV[3] then
    answer[2] = answer[2] + 1
  elseif reference_in(envelope, ARGV[4]) then
    answer[3] = answer[3] + 1
  else
    answer[#answer + 1] = field
  end
end
return answer
