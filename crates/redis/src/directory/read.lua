-- What has changed in a directory. KEYS: as in write.lua. ARGV: the reader's generation, the version it has
-- read, 1 if it is in the middle of reading all of it, and the most entries of a page.
-- Returns generation, version read to, afresh, more, then names and values (false: removed).
local meta, entries, log, gone = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local known = redis.call('HMGET', meta, 'generation', 'version', 'floor')
local generation, version = known[1] or '0', tonumber(known[2] or 0)
local since, afresh, page = tonumber(ARGV[2]), 0, tonumber(ARGV[4])
local lacking = ARGV[3] ~= '1' and since < tonumber(known[3] or 0)
if generation ~= ARGV[1] or since > version or lacking then
  since, afresh = 0, 1
end
if since == version then
  return { generation, version, afresh, 0 }
end
local upto = version
local function changed(set)
  local found = redis.call('ZRANGEBYSCORE', set, '(' .. since, '+inf', 'WITHSCORES', 'LIMIT', 0, page)
  if #found == 2 * page then
    upto = math.min(upto, tonumber(found[#found]))
  end
  return found
end
local live, removed = changed(log), afresh == 1 and {} or changed(gone)
local reply = { generation, upto, afresh, upto < version and 1 or 0 }
for i = 1, #live, 2 do
  if tonumber(live[i + 1]) <= upto then
    reply[#reply + 1] = live[i]
    reply[#reply + 1] = redis.call('HGET', entries, live[i])
  end
end
for i = 1, #removed, 2 do
  if tonumber(removed[i + 1]) <= upto then
    reply[#reply + 1] = removed[i]
    reply[#reply + 1] = false
  end
end
reply[2] = upto
return reply
