-- Removes payloads that a document of an asset stood for, and no later ones. ARGV: the asset as a
-- deadline, how many fields each may lie under, then for each: its mark, these
page = KEYS[1]
local count, gone = tonumber(ARGV[2]), {}
for first = 3, #ARGV, count + 1 do
  for i = first + 1, first + count do
    local payload = redis.call('HGET', page, ARGV[i])
    if payload and is_envelope(payload) and string.sub(payload, 8, 15) == ARGV[1]
      and mark_of(payload) == ARGV[first] then
      gone[#gone + 1] = ARGV[i]
    end
  end
end
take_out(gone)
