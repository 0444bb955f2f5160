-- Divides the budget of one cluster among the nodes of the fleet. A caller says what it may use now, what it
-- uses and what it wants, and is told what it may use from now on.
--
-- KEYS[1] grants   hash: caller -> JSON {seen, r, a, f, w, b, since}; field `meta` -> JSON {last, hold}.
--                  Each of r(ecorded), a(nswered), f(loor), w(anted), b(udget) and since (below its floor since
--                  then, ms; 0 = it is not) is an array: lanes, bytes in flight, submissions per second.
-- ARGV[1] caller
-- ARGV[2] JSON {budget, floor, holds, uses, wants}, each such an array; '' = the caller leaves
-- ARGV[3] length of a lease, ms
-- ARGV[4] how long after the end of its lease a caller's share stays its own, ms
-- ARGV[5] the time in ms, in tests only; '' = that of Redis
-- Output  JSON {grant: [...], budget: [the smallest that counts; 0 = unlimited], over: "names of the budgets that are exceeded, with commas", below}
--         below = the caller waits for others to make room for its floor
--
-- recorded >= what the caller may use: it falls only when the caller says that it uses less, or is gone.
-- Never is more given out than max(budget, sum of the floors), with two exceptions that cannot be helped: what an
-- unknown caller brings with it, and a floor that nobody made room for within a lease.

local NAMES = {'lanes', 'inFlightBytes', 'submissionsPerSecond'}
local me, lease, keep = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
if ARGV[2] == '' then return redis.call('HDEL', KEYS[1], me) end
local request = cjson.decode(ARGV[2])
local now = tonumber(ARGV[5])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local callers, meta = {}, nil
local raw = redis.call('HGETALL', KEYS[1])
for i = 1, #raw, 2 do
  local value = cjson.decode(raw[i + 1])
  if raw[i] == 'meta' then meta = value else callers[raw[i]] = value end
end

-- An empty start: those who hold something may still be on their way, so nobody grows for a lease.
if not meta then meta = {last = now, hold = now + lease} end
-- Time in which nobody was heard (Redis stood still, or its clock was set) counts for no lease.
local gap = now - meta.last
local shift = 0
if gap < 0 or gap > lease then
  shift = gap
  meta.hold = now + lease
end
meta.last = now

for name, caller in pairs(callers) do
  caller.seen = caller.seen + shift
  if now > caller.seen + lease + keep then
    callers[name] = nil
    redis.call('HDEL', KEYS[1], name)
  elseif shift ~= 0 then
    redis.call('HSET', KEYS[1], name, cjson.encode(caller))
  end
end

local mine = callers[me] or {since = {0, 0, 0}}
callers[me] = mine
mine.seen, mine.f, mine.w, mine.b = now, request.floor, request.wants, request.budget
mine.r, mine.a = {}, {}

local function is_live(caller) return now <= caller.seen + lease end

-- Shares out `room` among the live callers: the floors, then what they want beyond in proportion, then the rest.
local function targets(d, room)
  local floors, extras = 0, 0
  local rows = {}
  for name, caller in pairs(callers) do
    if is_live(caller) then
      local extra = math.max(0, caller.w[d] - caller.f[d])
      floors, extras = floors + caller.f[d], extras + extra
      table.insert(rows, {name = name, floor = caller.f[d], extra = extra})
    end
  end
  local rest = math.max(0, room - floors)
  local left = rest
  for _, row in ipairs(rows) do
    local exact
    if extras > rest then exact = rest * row.extra / extras
    elseif floors > 0 then exact = row.extra + (rest - extras) * row.floor / floors
    else exact = row.extra + (rest - extras) / #rows end
    row.share = math.floor(exact)
    row.fraction = exact - row.share
    left = left - row.share
  end
  table.sort(rows, function(x, y)
    if x.fraction ~= y.fraction then return x.fraction > y.fraction end
    return x.name < y.name
  end)
  local target = {}
  for i, row in ipairs(rows) do
    target[row.name] = row.floor + row.share + (i <= left and 1 or 0)
  end
  return target
end

local budgets, over, below = {}, {}, false

local function decide(d)
  local budget = 0
  for _, caller in pairs(callers) do
    local b = caller.b[d]
    if is_live(caller) and b > 0 and (budget == 0 or b < budget) then budget = b end
  end
  budgets[d] = budget
  if budget == 0 then
    mine.r[d], mine.a[d] = 0, 0
    return
  end

  local recorded = math.max(request.holds[d], request.uses[d])
  local floors, others, dead = 0, 0, 0
  for name, caller in pairs(callers) do
    -- One that is gone keeps what it had, and waits for no more.
    floors = floors + (is_live(caller) and caller.f[d] or math.min(caller.f[d], caller.r[d]))
    if name ~= me then
      others = others + caller.r[d]
      if not is_live(caller) then dead = dead + caller.r[d] end
    end
  end
  local bound = math.max(budget, floors)
  local target = targets(d, bound - dead)
  local floor = mine.f[d]
  local answer = recorded

  if recorded < target[me] then
    local wanted = now < meta.hold and math.min(floor, target[me]) or target[me]
    answer = math.max(recorded, math.min(wanted, bound - others))
  elseif recorded > target[me] and now >= meta.hold then
    -- Give way only to those who lack something that nobody else is about to give back.
    local missing = recorded + others - bound
    for name, caller in pairs(callers) do
      if name ~= me and is_live(caller) then
        missing = missing + math.max(0, target[name] - caller.r[d]) - math.max(0, caller.r[d] - caller.a[d])
      end
    end
    answer = recorded - math.max(0, math.min(missing, recorded - target[me]))
  end

  if answer >= floor then
    mine.since[d] = 0
  else
    if mine.since[d] == 0 or mine.since[d] > now then mine.since[d] = now end
    if now - mine.since[d] >= lease then answer = floor else below = true end
  end
  mine.a[d] = answer
  mine.r[d] = math.max(answer, recorded)
  if floors > budget or others + mine.r[d] > budget then table.insert(over, NAMES[d]) end
end

for d = 1, 3 do decide(d) end
redis.call('HSET', KEYS[1], me, cjson.encode(mine), 'meta', cjson.encode(meta))
return cjson.encode({grant = mine.a, budget = budgets, over = table.concat(over, ','), below = below})
