-- A token bucket (GCRA) as people write it: one key, the time when the bucket is full again.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local next_full_at = full_at + interval
if next_full_at - now > burst * interval then
  return { 0, 0 }
end
redis.call('SET', KEYS[1], string.format('%.0f', next_full_at), 'PX', math.ceil((next_full_at - now) / 1000))
return { 1, math.floor((burst * interval - (next_full_at - now)) / interval) }
