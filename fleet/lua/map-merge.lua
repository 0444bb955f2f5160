-- Adds to the map what a node knows and Redis does not: a topic that a worker has learned of, or the whole map
-- after Redis was emptied or has lost writes. It never takes a topic away nor lowers a count.
--
-- KEYS[1] meta     hash: see map-commit.lua
-- KEYS[2] topics   hash: topic -> "<partitions>" or "<partitions> internal"
-- ARGV[1] entries, JSON: topic -> {partitions, internal}
-- ARGV[2] epoch that the map must not have any more, since it has lost writes; '' = any is fine
-- ARGV[3] channel to publish to
-- Output  how many entries were news

local time = redis.call('TIME')
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'version')
local epoch, version = meta[1] or '', tonumber(meta[2] or '0')
local renamed = epoch == '' or epoch == ARGV[2]
if renamed then epoch = string.format('%.0f', time[1] * 1000000 + time[2]) end

local news, count = {}, 0
for topic, entry in pairs(cjson.decode(ARGV[1])) do
  local known = redis.call('HGET', KEYS[2], topic)
  if not known or tonumber(string.match(known, '^%d+')) < entry.partitions then
    redis.call('HSET', KEYS[2], topic, entry.partitions .. (entry.internal and ' internal' or ''))
    news[topic] = entry
    count = count + 1
  end
end
if count == 0 and not renamed then return 0 end

redis.call('HSET', KEYS[1], 'epoch', epoch, 'version', version + 1)
redis.call('PUBLISH', ARGV[3], '{"epoch":' .. cjson.encode(epoch) .. ',"from":' .. version .. ',"to":' .. version + 1
  .. ',"changes":' .. cjson.encode(news) .. '}')
return count
