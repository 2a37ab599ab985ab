-- Removes fields of a page; where nothing expires, which is the rule for assets, at no further cost.
local function take_out(fields)
  if #fields == 0 then return end
  if redis.call('HEXISTS', page, SUMMARY) == 1 then
    turn_to(page)
    remove(fields)
  else
    for _, field in ipairs(fields) do redis.call('HDEL', page, field) end
  end
end
