-- One step through the keys of a scope. ARGV: the cursor, how many fields to a step, the prefix of
-- one map index. The answer is the next cursor, how many bytes of values and how many fields the
-- server has looked at, then field, header, ...
page = KEYS[1]
local cursor, all = unpack(redis.call('HSCAN', page, ARGV[1], 'COUNT', ARGV[2]))
local answer, bytes = {cursor, 0, #all / 2}, 0
for i = 1, #all, 2 do
  bytes = bytes + #all[i + 1]
  if all[i] ~= SUMMARY and string.sub(all[i], 1, #ARGV[3]) == ARGV[3] then
    answer[#answer + 1] = all[i]
    answer[#answer + 1] = string.sub(all[i + 1], 1, HEADER)
  end
end
answer[2] = bytes
return answer
