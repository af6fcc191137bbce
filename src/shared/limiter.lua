-- One pause and one pace for all processes under one rate limit.
--
-- KEYS[1]  the state: a hash of numbers; times are milliseconds of Redis's own clock
-- ARGV     group of a 429 that began a pause (0: none), ms of the pause that it asks for,
--          then for each group: requests sent, answers 429, slots wanted, ms that the first in line can wait
-- answer   epoch, ms until the pause is over,
--          then for each group: 1 if a pace is in force, slots granted, us to the first, us from one to the next

-- What the server granted is looked at over several periods (s); the best of them is the limit.
local PERIODS = { 1, 10, 60 }
-- A pace is in force for so long after the last 429 (ms), and so long the state is kept.
local IN_FORCE = 300000
-- Another 429 lowers the pace by a fifth at least, but hardly below what was granted over the longest period: windows
-- that slide refuse now and then at any pace.
local CUT, LASTING = 0.8, 0.9
-- While calls wait the pace grows by 1 % a second; after a minute without a 429 by 5 %; while only guessed it doubles.
local GROWTH, LATE_GROWTH, ROUGH_GROWTH = 0.01, 0.05, 1
local LATE = 60000
-- From fewer requests than this no limit can be told; the pace is then a guess, not below 10 a second.
local FEW, SLOWEST_GUESS = 20, 10
-- One call in ten seconds at least: below that the server's own Retry-After is what paces. Above the fastest pace there is
-- nothing to pace.
local SLOWEST, FASTEST = 0.1, 100000
-- Slots of the last second that nobody took may be used late.
local MAKE_UP = 1000
-- Beyond its first slot a process gets only what falls into this time, so that all have their turn.
local AHEAD = 100
-- Bounds of a report: requests of one kind, slots wanted, a pause (ms), and how long a call can wait (ms).
local MOST_REQUESTS, MOST_WANTED, LONGEST_PAUSE, LONGEST_WAIT = 1000000, 1000, 3600000, 86400000
-- A clock that goes back by more than this (ms) is another server's: what was stored by the old one means nothing.
local CLOCK_STEP = 1000

local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

-- Only finite numbers enter and leave: NaN is less than nothing, and so much is no time and no count.
local function finite(number) return number and number > -1e15 and number < 1e15 end

local function bounded(text, least, most)
  local number = tonumber(text)
  return finite(number) and math.max(least, math.min(number, most)) or least
end

local state = {}
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  local number = tonumber(stored[i + 1])
  if finite(number) then state[stored[i]] = number end
end
if (state.seen or 0) > now + CLOCK_STEP then state = {} end

local is_paused = now < (state.reopens or 0)

-- Sums that fade: at a steady rate each is what was granted over its period. What is told during a pause happened before.
local function count(group, granted)
  local age = 0
  if not is_paused then
    age = math.max(0, now - (state[group .. 'at'] or now)) / 1000
    state[group .. 'at'] = now
    if (state[group .. 'since'] or 0) < (state.reopens or 0) then
      state[group .. 'since'], state[group .. 'cycle'] = state.reopens, 0
    end
  end
  for _, period in ipairs(PERIODS) do
    local sum = group .. 'sum' .. period
    state[sum] = (state[sum] or 0) * math.exp(-age / period) + granted
  end
  state[group .. 'since'] = state[group .. 'since'] or now
  state[group .. 'cycle'] = (state[group .. 'cycle'] or 0) + granted
end

-- The pause belongs to the time that the server took for what it granted: a bucket that was emptied at once and needs a
-- second to refill gives its size per second. No span is shorter than a millisecond: of nothing in no time there is no
-- estimate.
local function estimate(group)
  local most, lasting = state[group .. 'cycle'] or 0, 0
  local best = most * 1000 / math.max(1, state.reopens - (state[group .. 'since'] or now))
  for _, period in ipairs(PERIODS) do
    local sum = state[group .. 'sum' .. period] or 0
    lasting = sum / (period + math.max(0, state.reopens - (state.paused or now)) / 1000)
    best, most = math.max(best, lasting), math.max(most, sum)
  end
  return best, lasting, most < FEW
end

local function set_pace(group)
  local per_second, lasting, is_rough = estimate(group)
  local before = state[group .. 'before']
  if before then per_second = math.min(per_second, math.max(before * CUT, lasting * LASTING)) end
  state[group .. 'pace'] = math.min(FASTEST, math.max(per_second, is_rough and SLOWEST_GUESS or SLOWEST))
  state[group .. 'rough'] = is_rough and 1 or 0
  state[group .. 'until'] = state.reopens + IN_FORCE
  state[group .. 'grown'] = state.reopens
end

local function grow(group)
  local waited = math.max(0, math.min(now - (state[group .. 'grown'] or now), 1000)) / 1000
  local growth = GROWTH
  if state[group .. 'rough'] == 1 then
    growth = ROUGH_GROWTH
  elseif now - (state.reopens or 0) > LATE then
    growth = LATE_GROWTH
  end
  state[group .. 'pace'] = math.min(FASTEST, state[group .. 'pace'] * (1 + growth * waited))
end

local function grant(group, wanted, max_wait)
  local due = math.min(state[group .. 'next'] or 0, now + LONGEST_WAIT)
  if due > now then grow(group) end
  state[group .. 'grown'] = math.max(now, state[group .. 'grown'] or now)
  local interval = 1000 / math.max(SLOWEST, state[group .. 'pace'])
  local first = math.max(due, now - MAKE_UP, state.reopens or 0)
  local granted, slot = 0, first
  if first - now <= max_wait then
    while granted < wanted and (granted == 0 or slot <= math.max(first, now) + AHEAD) do
      granted, slot = granted + 1, slot + interval
    end
    state[group .. 'next'] = slot
  end
  return granted, math.floor((first - now) * 1000), math.floor(interval * 1000)
end

local GROUPS = (#ARGV - 2) / 4
local function argument(group, number, most) return bounded(ARGV[2 + (group - 1) * 4 + number], 0, most) end

for group = 1, GROUPS do
  local sent, refused = argument(group, 1, MOST_REQUESTS), argument(group, 2, MOST_REQUESTS)
  if sent + refused > 0 then count(group, sent - refused) end
end

if state.reopens then state.reopens = math.min(state.reopens, now + LONGEST_PAUSE) end
local throttled = math.floor(bounded(ARGV[1], 0, GROUPS))
if throttled > 0 then
  -- The other calls that were under way when it began tell nothing new about the server's limit.
  if not is_paused then
    count(throttled, 0)
    is_paused = true
    state.epoch = (state.epoch or 0) + 1
    state.paused, state.group = now, throttled
    state[throttled .. 'before'] = state[throttled .. 'rough'] == 0 and state[throttled .. 'pace'] or nil
    for group = 1, GROUPS do state[group .. 'next'] = nil end
  end
  state.reopens = math.max(state.reopens or 0, now + bounded(ARGV[2], 1, LONGEST_PAUSE))
end
if is_paused and state.group then set_pace(state.group) end

local answer = { state.epoch or 0, math.max(0, math.ceil((state.reopens or 0) - now)) }
for group = 1, GROUPS do
  local is_paced = now < (state[group .. 'until'] or 0) and state[group .. 'pace'] ~= nil
  local wanted = argument(group, 3, MOST_WANTED)
  local granted, first, interval = 0, 0, 0
  if is_paced and wanted > 0 then granted, first, interval = grant(group, wanted, argument(group, 4, LONGEST_WAIT)) end
  if not is_paced then state[group .. 'pace'] = nil end
  for _, value in ipairs({ is_paced and 1 or 0, granted, first, interval }) do answer[#answer + 1] = value end
end

redis.call('DEL', KEYS[1])
-- Where nothing has happened yet, nothing is kept.
if not next(state) then return answer end
state.seen = now
local fields = {}
for field, value in pairs(state) do
  if finite(value) then
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('PEXPIRE', KEYS[1], IN_FORCE)
return answer
