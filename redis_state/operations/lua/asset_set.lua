-- Writes values of an asset; the answer is whether it did, then what is to be removed of payloads. A
-- document that had its time already is not written again, for its payload is about to go.
-- ARGV, then: how many answers at most, the deadline in ms (0: never), how many values, how many
-- other fields each may lie under, then for each: its field, these, its envelope
turn_to(KEYS[1])
local deadline, count, others = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local stale, values = {}, {}
for number = 0, count - 1 do
  local first = 6 + number * (others + 2)
  local new = ARGV[first + others + 1]
  local entry = bound_in(new)
  if not (entry and redis.call('HEXISTS', refs, entry) == 1) then
    for i = first, first + others do
      supersede(ARGV[i], new)
      if i > first then stale[#stale + 1] = ARGV[i] end
    end
    values[#values + 1] = ARGV[first]
    values[#values + 1] = new
  end
end
discard(stale)
if #values > 0 then write(deadline, values, 1) end
return {#values, superseded(tonumber(ARGV[2]))}
