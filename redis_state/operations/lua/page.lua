-- What every script shares. A page is a hash; its summary field, where there is one, was written by
-- the hash form: see hash_form.lua. A form works on one page at a time: `turn_to` says which. The
-- numbers of the format, in capitals, are put before this by scripts.py.
local page

local function is_envelope(bytes)
  return #bytes >= HEADER and math.floor(string.byte(bytes) / 16) == FORMAT
end

-- The deadline of an envelope in milliseconds, rounded up; 0 for never and for foreign bytes.
local function deadline_of(envelope)
  if not is_envelope(envelope) then return 0 end
  local microseconds = 0
  for i = DEADLINE, DEADLINE_END do microseconds = microseconds * 256 + string.byte(envelope, i) end
  local deadline = math.ceil(microseconds / 1000)
  return deadline < LAST_DEADLINE and deadline or 0
end

-- When a value was written, in milliseconds; comparing such bytes as texts would depend on the
-- server's locale.
local function updated_at_of(envelope)
  local moment = 0
  for i = UPDATED_AT, UPDATED_AT_END do moment = moment * 256 + string.byte(envelope, i) end
  return moment
end

-- The deadline as an envelope has it, and the envelope with another one.
local function deadline_in(envelope)
  return string.sub(envelope, DEADLINE, DEADLINE_END)
end

local function with_deadline(envelope, deadline)
  return string.sub(envelope, 1, DEADLINE - 1) .. deadline .. string.sub(envelope, DEADLINE_END + 1)
end

local function rest_of(list, first)
  local rest = {}
  for i = first, #list do rest[#rest + 1] = list[i] end
  return rest
end

local function milliseconds()
  local clock = redis.call('TIME')
  return clock[1] * 1000 + math.floor(clock[2] / 1000)
end

local function integer(number)
  return string.format('%.0f', number)
end

-- The fields of one map index: those that begin with its prefix.
local function fields_of(prefix)
  local found = {}
  for _, field in ipairs(redis.call('HKEYS', page)) do
    if string.sub(field, 1, #prefix) == prefix then found[#found + 1] = field end
  end
  return found
end
