-- One heartbeat of a node: registers it, or renews its lease, and tells who is alive.
--
-- KEYS[1] schema   string: the newest schema version of the fleet; lives 60 s after the last beat of that version
-- KEYS[2] nodes    hash: node id -> description, JSON
-- KEYS[3] leases   hash: node id -> "<end of the lease, ms> <incarnation> <slot>"
-- KEYS[4] tokens   string: the incarnation that was given out last
-- ARGV[1] schema version of the caller
-- ARGV[2] node id
-- ARGV[3] incarnation of the caller, 0 = it has none yet
-- ARGV[4] slot, 0 = shared by all
-- ARGV[5] description, JSON
-- ARGV[6] length of a lease, ms
-- Output  {'member', incarnation, 1 = the lease was still there or 0, Redis's time in ms,
--         description of each live node ...}
--         {'newer', version}: the fleet has a newer schema, nothing was written
--         {'slot', node id}: another live node has this slot, nothing was written
--         {'superseded', incarnation}: a younger process with this node id is alive, nothing was written

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local version, id, incarnation, slot = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]

local newest = tonumber(redis.call('GET', KEYS[1]) or '0')
if newest > version then return {'newer', newest} end

local leases = redis.call('HGETALL', KEYS[3])
local renewed = 0
for i = 1, #leases, 2 do
  local other = leases[i]
  local lease_end, token, other_slot = string.match(leases[i + 1], '^(%d+) (%d+) (%d+)$')
  if tonumber(lease_end) <= now then
    redis.call('HDEL', KEYS[3], other)
    redis.call('HDEL', KEYS[2], other)
  elseif other == id then
    if incarnation > 0 and tonumber(token) > incarnation then return {'superseded', token} end
    renewed = 1
  elseif slot ~= '0' and other_slot == slot then
    return {'slot', other}
  end
end

if incarnation == 0 then
  -- Not a plain counter: after Redis was emptied its tokens must still be greater than all before.
  local microseconds = time[1] * 1000000 + time[2]
  incarnation = math.max(tonumber(redis.call('GET', KEYS[4]) or '0') + 1, microseconds)
  redis.call('SET', KEYS[4], string.format('%.0f', incarnation))
end
local token = string.format('%.0f', incarnation)
redis.call('SET', KEYS[1], version, 'PX', 60000)
redis.call('HSET', KEYS[3], id, string.format('%.0f', now + ARGV[6]) .. ' ' .. token .. ' ' .. slot)
redis.call('HSET', KEYS[2], id, ARGV[5])

local answer = {'member', token, renewed, now}
for _, description in ipairs(redis.call('HVALS', KEYS[2])) do table.insert(answer, description) end
return answer
