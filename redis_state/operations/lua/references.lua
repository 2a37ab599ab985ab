-- The text of an envelope, if it is a reference: it begins with `mark`.
local function reference_in(envelope, mark)
  if not envelope or string.sub(envelope, HEADER + 1, HEADER + #mark) ~= mark then return nil end
  return string.sub(envelope, HEADER + 1)
end
