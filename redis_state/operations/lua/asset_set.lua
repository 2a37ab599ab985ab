-- Writes values of an asset; the answer is whether it did, then what is to be removed of worker
-- values. A document that had its time already is not written again, for its worker value is about
-- to go. ARGV, then: how many answers at most, the deadline in ms (0: never), field, envelope, ...
turn_to(KEYS[1])
local values = {}
for i = 4, #ARGV, 2 do
  local field, new = ARGV[i], ARGV[i + 1]
  local entry = bound_in(new)
  if not (entry and redis.call('HEXISTS', refs, entry) == 1) then
    supersede(field, new)
    values[#values + 1] = field
    values[#values + 1] = new
  end
end
if #values > 0 then write(tonumber(ARGV[3]), values, 1) end
return {#values, superseded(tonumber(ARGV[2]))}
