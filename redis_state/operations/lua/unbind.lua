-- Removes worker values that a document of an asset stood for, and no later ones. ARGV: the asset
-- as a deadline, then for each: its mark, its field
page = KEYS[1]
local gone = {}
for i = 2, #ARGV, 2 do
  local value = redis.call('HGET', page, ARGV[i + 1])
  if value and is_envelope(value) and deadline_in(value) == ARGV[1]
    and mark_of(value) == ARGV[i] then
    gone[#gone + 1] = ARGV[i + 1]
  end
end
take_out(gone)
