-- KEYS: every page that may hold the map index; ARGV: the prefix of its fields
for _, key in ipairs(KEYS) do
  turn_to(key)
  remove(fields_of(ARGV[1]))
end
