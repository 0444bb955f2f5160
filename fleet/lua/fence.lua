-- Gives out a fencing token for one reading of a cluster.
--
-- KEYS[1] meta     hash of the cluster's partition map (see map-commit.lua)
-- Output  the token, greater than all before, also those from before Redis was emptied

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local token = math.max(tonumber(redis.call('HGET', KEYS[1], 'issued') or '0') + 1, now)
redis.call('HSET', KEYS[1], 'issued', string.format('%.0f', token))
return token
