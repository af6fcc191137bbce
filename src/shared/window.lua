-- One sliding window for all processes under one known rate limit.
--
-- KEYS[1]  the window: a hash of what each process said last, as whole numbers with a blank between them: when, the number of
--          its report, places held for requests without an answer, places wanted and not granted, then for requests with an
--          answer: since when, how many; times are milliseconds of Redis's own clock
-- ARGV     process, number of the report, requests in a period, ms for which a place is held after the answer,
--          1 if the process held places when it reported before, places held, places wanted,
--          then for requests with an answer: ms since then, how many
-- answer   places granted, ms until there can be another one, processes

-- What a process held that is silent for so long counts as answered then (ms): it reports every two seconds.
local SILENCE = 10000
-- A window that has forgotten somebody has forgotten others: it stays closed until all of them have reported (ms).
local CLOSED = 3000
-- Bounds of a report.
local MOST_NUMBER, MOST_PLACES, LONGEST = 1e15, 1e6, 2 * 86400000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Only whole and finite numbers enter and leave.
local function bounded(text, least, most)
  local number = tonumber(text)
  if not number or number ~= number then return least end
  return math.floor(math.max(least, math.min(number, most)))
end

local process = ARGV[1]
local number = bounded(ARGV[2], 0, MOST_NUMBER)
local requests = bounded(ARGV[3], 1, MOST_PLACES)
local hold = bounded(ARGV[4], 1, LONGEST)
local has_past = ARGV[5] == '1'
local held = bounded(ARGV[6], 0, MOST_PLACES)
local wanted = bounded(ARGV[7], 0, MOST_PLACES)

local used, opens = 0, nil
local function take(places, free)
  if places > 0 then
    used, opens = used + places, math.min(opens or free, free)
  end
end

local processes, waiting = 1, 0
local before, closed
local kept, gone = {}, false

local function count_other(field, text)
  local numbers = {}
  for word in string.gmatch(text, '%S+') do numbers[#numbers + 1] = bounded(word, 0, MOST_NUMBER) end
  -- A clock that goes back is another server's.
  local seen = math.min(numbers[1] or 0, now)
  if now - seen > SILENCE + hold then
    gone = true
    return
  end
  kept[#kept + 1], kept[#kept + 2] = field, text
  processes = processes + 1
  local is_silent = now - seen > SILENCE
  take(math.min(numbers[3] or 0, MOST_PLACES), (is_silent and seen + SILENCE or seen) + hold)
  if not is_silent and (numbers[4] or 0) > 0 then waiting = waiting + 1 end
  for i = 5, #numbers - 1, 2 do
    local free = math.min(numbers[i], now) + hold
    if free > now then take(math.min(numbers[i + 1], MOST_PLACES), free) end
  end
end

local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  if stored[i] == 'closed' then
    closed = math.min(bounded(stored[i + 1], 0, MOST_NUMBER), now + CLOSED)
  elseif stored[i] == process then
    before = bounded(string.match(stored[i + 1], '^%S+ (%S+)'), 0, MOST_NUMBER)
  else
    count_other(stored[i], stored[i + 1])
  end
end

-- A report that was overtaken, or comes a second time.
if before and number <= before then return { 0, 0, processes } end
if has_past and not before then closed = now + CLOSED end

take(held, now + hold)
local answered = ''
for i = 8, #ARGV - 1, 2 do
  -- One more: what began within this millisecond is not older than it.
  local since, places = now + 1 - bounded(ARGV[i], 0, LONGEST), bounded(ARGV[i + 1], 0, MOST_PLACES)
  if since + hold > now then
    take(places, since + hold)
    answered = answered .. string.format(' %.0f %.0f', since, places)
  end
end

local granted, wait = 0, 0
local free = math.max(0, requests - used)
if (closed or 0) > now then
  wait = closed - now
else
  -- Each of those who wait has a part of what is free, and may ask again at once.
  granted = math.min(wanted, free, math.max(1, math.floor(free / (waiting + 1))))
  if granted == free then wait = math.max(1, (opens or now + hold) - now) end
end

if gone then
  redis.call('DEL', KEYS[1])
  if #kept > 0 then redis.call('HSET', KEYS[1], unpack(kept)) end
end
local said = string.format('%.0f %.0f %.0f %.0f', now, number, held + granted, wanted - granted) .. answered
redis.call('HSET', KEYS[1], process, said)
if (closed or 0) > now then redis.call('HSET', KEYS[1], 'closed', string.format('%.0f', closed)) end
redis.call('PEXPIRE', KEYS[1], hold + SILENCE)
return { granted, wait, processes }
