-- Writes what one reading of a cluster found, or that it failed.
--
-- KEYS[1] meta     hash: epoch, version, doubts (JSON: topic -> count), refreshedAt, error, errorAt (ms of Redis TIME),
--                  issued (fencing token given out last), fence (token of the last that wrote)
-- KEYS[2] topics   hash: topic -> "<partitions>" or "<partitions> internal"
-- ARGV[1] fencing token
-- ARGV[2] epoch that the changes are based on, '' = there is none yet
-- ARGV[3] version that they are based on; '' = the reading failed, only the error is written
-- ARGV[4] changes, JSON: topic -> {partitions, internal} or null
-- ARGV[5] doubts, JSON
-- ARGV[6] error in words, JSON string; '""' = none
-- ARGV[7] channel to publish to
-- Output  {'ok', version} | {'fenced'}: a later reading has written | {'moved'}: the map is not the one that the
--         changes are based on, nothing was written

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local token = tonumber(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'fence', 'refreshedAt', 'errorAt')
local epoch, version = meta[1] or '', tonumber(meta[2] or '0')
local refreshed, error_at = meta[4] or 'null', meta[5] or 'null'
if token < tonumber(meta[3] or '0') then return {'fenced'} end

local changes, from = '{}', version
if ARGV[3] ~= '' then
  if epoch ~= ARGV[2] or version ~= tonumber(ARGV[3]) then return {'moved'} end
  if epoch == '' then epoch = ARGV[1] end
  changes, refreshed = ARGV[4], now
  local changed = false
  for topic, entry in pairs(cjson.decode(changes)) do
    changed = true
    if entry == cjson.null then
      redis.call('HDEL', KEYS[2], topic)
    else
      redis.call('HSET', KEYS[2], topic, entry.partitions .. (entry.internal and ' internal' or ''))
    end
  end
  if changed then version = version + 1 end
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'version', version, 'doubts', ARGV[5], 'refreshedAt', now)
end
if ARGV[6] ~= '""' then error_at = now end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'error', ARGV[6])
if error_at ~= 'null' then redis.call('HSET', KEYS[1], 'errorAt', error_at) end

redis.call('PUBLISH', ARGV[7], '{"epoch":' .. cjson.encode(epoch) .. ',"from":' .. from .. ',"to":' .. version
  .. ',"changes":' .. changes .. ',"refreshedAt":' .. refreshed .. ',"error":' .. ARGV[6]
  .. ',"errorAt":' .. error_at .. '}')
return {'ok', version}
