-- One gate and one pace for all processes under one rate limit.
--
-- KEYS[1]  the gate: a hash of numbers; times are milliseconds of Redis's own clock
-- ARGV     lane of a 429 that is news (0: none), ms until it reopens,
--          then for each lane: requests sent, answers 429, slots wanted, ms that the caller can wait
-- answer   epoch, ms until the gate reopens,
--          then for each lane: 1 if a pace is in force, slots granted, us to the first, us from one to the next

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
-- One call in ten seconds at least: below that the server's own Retry-After is what paces.
local SLOWEST = 0.1
-- Slots of the last second that nobody took may be used late.
local MAKE_UP = 1000
-- Beyond its first slot a process gets only what falls into this time, so that all have their turn.
local AHEAD = 100

local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local state = {}
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do state[stored[i]] = tonumber(stored[i + 1]) end

local is_closed = now < (state.reopens or 0)

-- Sums that fade: at a steady rate each is what was granted over its period. What is told while the gate is closed
-- happened before.
local function count(lane, granted)
  local age = 0
  if not is_closed then
    age = (now - (state[lane .. 'at'] or now)) / 1000
    state[lane .. 'at'] = now
    if (state[lane .. 'since'] or 0) < (state.reopens or 0) then
      state[lane .. 'since'], state[lane .. 'cycle'] = state.reopens, 0
    end
  end
  for _, period in ipairs(PERIODS) do
    local sum = lane .. 'sum' .. period
    state[sum] = (state[sum] or 0) * math.exp(-age / period) + granted
  end
  state[lane .. 'since'] = state[lane .. 'since'] or now
  state[lane .. 'cycle'] = (state[lane .. 'cycle'] or 0) + granted
end

-- The pause belongs to the time that the server took for what it granted: a bucket that was emptied at once and needs a
-- second to refill gives its size per second.
local function estimate(lane)
  local most, lasting = state[lane .. 'cycle'], 0
  local best = most * 1000 / (state.reopens - state[lane .. 'since'])
  for _, period in ipairs(PERIODS) do
    local sum = state[lane .. 'sum' .. period]
    lasting = sum / (period + (state.reopens - state.closed) / 1000)
    best, most = math.max(best, lasting), math.max(most, sum)
  end
  return best, lasting, most < FEW
end

local function set_pace(lane)
  local per_second, lasting, is_rough = estimate(lane)
  local before = state[lane .. 'before']
  if before then per_second = math.min(per_second, math.max(before * CUT, lasting * LASTING)) end
  state[lane .. 'pace'] = math.max(per_second, is_rough and SLOWEST_GUESS or SLOWEST)
  state[lane .. 'rough'] = is_rough and 1 or 0
  state[lane .. 'until'] = state.reopens + IN_FORCE
  state[lane .. 'grown'] = state.reopens
end

local function grow(lane)
  local waited = math.max(0, math.min(now - state[lane .. 'grown'], 1000)) / 1000
  local growth = GROWTH
  if state[lane .. 'rough'] == 1 then
    growth = ROUGH_GROWTH
  elseif now - state.reopens > LATE then
    growth = LATE_GROWTH
  end
  state[lane .. 'pace'] = state[lane .. 'pace'] * (1 + growth * waited)
end

local function grant(lane, wanted, patience)
  local due = state[lane .. 'next'] or 0
  if due > now then grow(lane) end
  state[lane .. 'grown'] = math.max(now, state[lane .. 'grown'])
  local interval = 1000 / state[lane .. 'pace']
  local first = math.max(due, now - MAKE_UP, state.reopens or 0)
  local granted, slot = 0, first
  if first - now <= patience then
    while granted < wanted and (granted == 0 or slot <= math.max(first, now) + AHEAD) do
      granted, slot = granted + 1, slot + interval
    end
    state[lane .. 'next'] = slot
  end
  return granted, math.floor((first - now) * 1000), math.floor(interval * 1000)
end

local LANES = (#ARGV - 2) / 4
local function argument(lane, number) return tonumber(ARGV[2 + (lane - 1) * 4 + number]) end

for lane = 1, LANES do
  local sent, refused = argument(lane, 1), argument(lane, 2)
  if sent + refused > 0 then count(lane, sent - refused) end
end

local throttled = tonumber(ARGV[1])
if throttled > 0 then
  -- The other calls that were under way when it closed tell nothing new about the server's limit.
  if not is_closed then
    count(throttled, 0)
    is_closed = true
    state.epoch = (state.epoch or 0) + 1
    state.closed, state.lane = now, throttled
    state[throttled .. 'before'] = state[throttled .. 'rough'] == 0 and state[throttled .. 'pace'] or nil
    for lane = 1, LANES do state[lane .. 'next'] = nil end
  end
  state.reopens = math.max(state.reopens or 0, now + tonumber(ARGV[2]))
end
if is_closed then set_pace(state.lane) end

local answer = { state.epoch or 0, math.max(0, math.ceil((state.reopens or 0) - now)) }
for lane = 1, LANES do
  local is_paced = now < (state[lane .. 'until'] or 0)
  local wanted = argument(lane, 3)
  local granted, first, interval = 0, 0, 0
  if is_paced and wanted > 0 then granted, first, interval = grant(lane, wanted, argument(lane, 4)) end
  if not is_paced then state[lane .. 'pace'] = nil end
  for _, value in ipairs({ is_paced and 1 or 0, granted, first, interval }) do answer[#answer + 1] = value end
end

local fields = {}
for field, value in pairs(state) do
  fields[#fields + 1] = field
  fields[#fields + 1] = value
end
redis.call('DEL', KEYS[1])
if #fields > 0 then
  redis.call('HSET', KEYS[1], unpack(fields))
  redis.call('PEXPIRE', KEYS[1], IN_FORCE)
end
return answer
