-- KEYS: every page that may hold the field; ARGV: the field
for _, key in ipairs(KEYS) do
  turn_to(key)
  remove(ARGV)
end
