-- Changes entries of a directory. KEYS: meta (a hash), entries (a hash), log and gone (names by the number of
-- their last change). ARGV: a generation in case there is none yet, how many removed names to remember, then
-- for each entry its name, 1 if it has a value, and the value.
local meta, entries, log, gone = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if redis.call('HSETNX', meta, 'generation', ARGV[1]) == 1 then
  redis.call('DEL', entries, log, gone) -- numbers of another generation
end
for i = 3, #ARGV, 3 do
  local name, version = ARGV[i], redis.call('HINCRBY', meta, 'version', 1)
  if ARGV[i + 1] == '1' then
    redis.call('HSET', entries, name, ARGV[i + 2])
    redis.call('ZADD', log, version, name)
    redis.call('ZREM', gone, name)
  else
    redis.call('HDEL', entries, name)
    redis.call('ZREM', log, name)
    redis.call('ZADD', gone, version, name)
  end
end
-- Who has read less than `floor` can no longer be told of every removal, and has to read all of it.
local surplus = redis.call('ZCARD', gone) - tonumber(ARGV[2])
if surplus > 0 then
  local forgotten = redis.call('ZPOPMIN', gone, surplus)
  redis.call('HSET', meta, 'floor', forgotten[#forgotten])
end
return 1
