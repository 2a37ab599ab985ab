-- The hash form, for servers that expire whole keys only: the page carries the latest deadline of
-- its values, or none if one of them is permanent. The summary field remembers the earliest
-- deadline, so that a write looks at every value only when one has lapsed, or when the value that
-- decided the page's deadline goes.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local ttl  -- -2: no page, -1: a permanent value in it
local latest, earliest, lapsed

local function turn_to(key)
  page = key
  ttl = redis.call('PTTL', page)
  latest = ttl >= 0 and now + ttl or 0
  earliest = tonumber(redis.call('HGET', page, SUMMARY) or nil)
  lapsed = earliest ~= nil and earliest <= now
end

-- PTTL and TIME are read a moment apart.
local SLACK = 2

-- Does the value of this field decide the page's deadline?
local function decides(field)
  local envelope = redis.call('HGET', page, field)
  if not envelope then return false end
  local deadline = deadline_of(envelope)
  if ttl == -1 then return deadline == 0 end
  return deadline >= latest - SLACK
end

-- Look at every value: drop the lapsed, and give page and summary their exact deadlines.
local function settle()
  local first, last, permanent, count = math.huge, 0, false, 0
  local all = redis.call('HGETALL', page)
  for i = 1, #all, 2 do
    local field, deadline = all[i], deadline_of(all[i + 1])
    if field == SUMMARY then
      -- not a value
    elseif deadline ~= 0 and deadline <= now then
      redis.call('HDEL', page, field)
    else
      count = count + 1
      if deadline == 0 then
        permanent = true
      else
        first, last = math.min(first, deadline), math.max(last, deadline)
      end
    end
  end
  if count == 0 then
    redis.call('UNLINK', page)
    return
  end
  if last == 0 then
    redis.call('HDEL', page, SUMMARY)
  else
    -- Looking at n values is due once in n milliseconds at the most, so that it stays cheap.
    redis.call('HSET', page, SUMMARY, integer(math.max(first, now + count)))
  end
  if permanent then
    redis.call('PERSIST', page)
  else
    redis.call('PEXPIREAT', page, integer(last))
  end
end

local function remove(fields)
  local due = lapsed
  for _, field in ipairs(fields) do
    due = decides(field) or due
    redis.call('HDEL', page, field)
  end
  if due then settle() end
end
