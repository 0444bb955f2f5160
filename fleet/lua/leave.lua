-- A node leaves the registry, unless a younger process has taken its id.
--
-- KEYS[1] nodes    hash: node id -> description, JSON
-- KEYS[2] leases   hash: node id -> "<end of the lease, ms> <incarnation> <slot>"
-- ARGV[1] node id
-- ARGV[2] incarnation
-- Output  1 = it was there and is gone, 0 = nothing to do

local lease = redis.call('HGET', KEYS[2], ARGV[1])
if not lease or string.match(lease, '^%d+ (%d+) ') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
