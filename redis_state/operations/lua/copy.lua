-- Writes values that come from elsewhere, where none is there or an older one. ARGV: field, envelope,
-- deadline in ms (0: never), an envelope that it may replace though it is not older, ...
-- The answer is a number for each: see copying.py.
local WRITTEN, SAME, NEWER, FOREIGN, SAME_TIME = 0, 1, 2, 3, 4

local function verdict(current, new, replaced)
  if not current or current == replaced then return WRITTEN end
  if current == new then return SAME end
  if not is_envelope(current) then return FOREIGN end
  local there, given = updated_at_of(current), updated_at_of(new)
  if there < given then return WRITTEN end
  return there > given and NEWER or SAME_TIME
end

local answer = {}
for i = 1, #ARGV, 4 do
  -- Anew for each: what was written before changes the deadline of the page.
  turn_to(KEYS[1])
  local found = verdict(redis.call('HGET', page, ARGV[i]), ARGV[i + 1], ARGV[i + 3])
  if found == WRITTEN then write(tonumber(ARGV[i + 2]), {ARGV[i], ARGV[i + 1]}, 1) end
  answer[#answer + 1] = found
end
return answer
