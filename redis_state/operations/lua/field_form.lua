-- The field form, for servers that expire each field. A page with a summary was last written in
-- the hash form, before a server upgrade: give every value its own deadline and the page none.
local function adopt()
  if redis.call('HEXISTS', page, SUMMARY) == 0 then return end
  local all = redis.call('HGETALL', page)
  for i = 1, #all, 2 do
    local deadline = deadline_of(all[i + 1])
    if deadline ~= 0 then
      redis.call('HPEXPIREAT', page, integer(deadline), 'FIELDS', 1, all[i])
    end
  end
  redis.call('PERSIST', page)
  redis.call('HDEL', page, SUMMARY)
end

local function turn_to(key)
  page = key
  adopt()
end

local function remove(fields)
  for _, field in ipairs(fields) do redis.call('HDEL', page, field) end
end
