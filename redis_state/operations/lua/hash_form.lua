-- The hash form, for servers that expire whole keys only: the page carries the latest deadline of
-- its values, or none if one of them is permanent. The summary field remembers the earliest
-- deadline, so that a write looks at every value only when one has lapsed, or when the value that
-- decided the page's deadline goes and none like it is found at once.
local now, latest, earliest, lapsed
local ttl  -- -2: no page, -1: a permanent value in it

local function turn_to(key)
  page = key
  -- PTTL says how long, not until when. Before Redis 7.2, clocks go on while a script runs.
  repeat
    now = milliseconds()
    ttl = redis.call('PTTL', page)
  until milliseconds() == now
  latest = ttl >= 0 and now + ttl or 0
  earliest = tonumber(redis.call('HGET', page, SUMMARY) or nil)
  lapsed = earliest ~= nil and earliest <= now
end

-- Does a value with this deadline decide the page's?
local function decides(deadline)
  if ttl == -1 then return deadline == 0 end
  return deadline >= latest
end

local function is_decided_by(field)
  local envelope = redis.call('HGET', page, field)
  return envelope and decides(deadline_of(envelope))
end

-- So many values, or all of a compact page, are looked at for one that decides the deadline, too.
local SAMPLE = 100

local function is_still_decided()
  local sample = redis.call('HSCAN', page, 0, 'COUNT', SAMPLE)[2]
  for i = 1, #sample, 2 do
    if sample[i] ~= SUMMARY and decides(deadline_of(sample[i + 1])) then return true end
  end
  return false
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
    elseif deadline == 0 then
      permanent, count = true, count + 1
    else
      first, last, count = math.min(first, deadline), math.max(last, deadline), count + 1
    end
  end
  if count == 0 then return redis.call('UNLINK', page) end
  if last == 0 then
    redis.call('HDEL', page, SUMMARY)
  else
    -- Looking at n values is due again in n milliseconds, if no earlier deadline is written meanwhile.
    redis.call('HSET', page, SUMMARY, integer(math.max(first, now + count)))
  end
  if permanent then
    redis.call('PERSIST', page)
  else
    redis.call('PEXPIREAT', page, integer(last))
  end
end

local function remove(fields)
  local has_decided = false
  for _, field in ipairs(fields) do
    has_decided = is_decided_by(field) or has_decided
    redis.call('HDEL', page, field)
  end
  if lapsed or (has_decided and not is_still_decided()) then settle() end
end
