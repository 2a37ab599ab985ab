-- Binds the payload of a reference to the asset whose document is about to be written; the answer
-- is its mark, nothing if there is none, '' if it is another asset's. ARGV: the asset as a
-- deadline, '1' if the reference is known to be its own, the fields that the payload may lie under
turn_to(KEYS[1])
for _, field in ipairs(rest_of(ARGV, 3)) do
  local payload = redis.call('HGET', page, field)
  if payload and is_envelope(payload) then
    if string.sub(payload, 8, 15) ~= ARGV[1] then
      if is_bound(payload) and ARGV[2] ~= '1' then return '' end
      write(0, {field, string.sub(payload, 1, 7) .. ARGV[1] .. string.sub(payload, 16)}, 1)
    end
    return mark_of(payload)
  end
end
