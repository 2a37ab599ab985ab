-- Removes the fields under which a value may lie that is about to be written under another.
local function discard(fields)
  if #fields == 0 then return end
  remove(fields)
  turn_to(page)
end
