-- Decides a batch of checks, each of them atomically and all or nothing.
--
-- KEYS     the counters of all asks of all checks, in order
-- ARGV[1]  little-endian doubles: a number that names this call, the number of checks; then for each
--          check its mode, its number of asks and (for a refund) the moment of the charge; then for each
--          ask its algorithm, cost, limit, window and detail
-- Reply    the number that names the call, the store's time; then for each check either 1 or 0 for
--          allowed, the cost granted, and for each ask its retry (-1: never), remaining, reset_after and
--          delay; or, in place of all this, an error text: nothing of that check was written
local TAKE, TAKE_UP_TO, PEEK, REFUND = 0, 1, 2, 3
local NEVER = -1
local GRACE = 1000000 -- a counter outlives its meaning by a second
local FOREIGN = 'WRONGTYPE a key of the limiter holds a value of another kind'

-- One read for the whole batch. (Each redis.call costs 1.7 us beside its command.) MGET reads a foreign
-- type as nothing; it is found out below, before it could be overwritten.
local values = #KEYS > 0 and redis.call('MGET', unpack(KEYS)) or {}
local written = {} -- what earlier checks of this batch have left behind

-- Writes one state together with its expiry. Where nothing was read, nothing may be there.
local function write(ask)
  if ask.value == false then return redis.pcall('DEL', ask.key) end
  local ttl = div_ceil(ask.expires - now + GRACE, 1000)
  if ask.found then return redis.pcall('SET', ask.key, ask.value, 'PX', ttl) end
  return redis.pcall('SET', ask.key, ask.value, 'PX', ttl, 'NX')
end

-- Writes what a check leaves behind, or nothing and returns what went wrong. A full or read-only server
-- refuses the first write already. A foreign type is met only where nothing was read: those keys go first,
-- and what was written there before it is met is deleted again, which leaves them as they were.
local function commit(asks, count)
  for round = 1, 2 do
    for index = 1, count do
      local ask = asks[index]
      if ask.value ~= nil and (ask.found ~= false) == (round == 2) then
        local reply = write(ask)
        local failure = not reply and FOREIGN or (type(reply) == 'table' and reply.err)
        if failure then
          for other = 1, index - 1 do
            if round == 1 and asks[other].done then redis.call('DEL', asks[other].key) end
          end
          return failure
        end
        ask.done = true
      end
    end
  end
  for index = 1, count do
    local ask = asks[index]
    if ask.value ~= nil then written[ask.key] = ask.value end
  end
end

-- As much as all have, at most the cost. Asking for at least 1 turns "nothing to be had" into a denial that
-- knows its retry; who asks a limit for nothing gets nothing there.
local function share(asks, count)
  local common
  for index = 1, count do
    local ask = asks[index]
    if ask.cost > 0 then
      local most = at_most(ask.cost, (ask.algorithm.status(ask)))
      if not common or most < common then common = most end
    end
  end
  if not common or common < 1 then common = 1 end
  for index = 1, count do
    asks[index].cost = at_most(asks[index].cost, common)
  end
end

local call, checks, position = unpack_at('<dd', ARGV[1])
local reply, length, next_key = { call, now }, 2, 0
local asks = {}

for _ = 1, checks do
  local mode, count, at
  mode, count, at, position = unpack_at('<ddd', ARGV[1], position)
  local failure
  for index = 1, count do
    next_key = next_key + 1
    local key = KEYS[next_key]
    local kind, cost, limit, window, detail
    kind, cost, limit, window, detail, position = unpack_at('<ddddd', ARGV[1], position)
    local found = written[key]
    if found == nil then found = values[next_key] end
    local ask = {
      key = key, cost = cost, limit = limit, window = window, detail = detail,
      algorithm = algorithms[kind], found = found, retry = 0, delay = 0,
    }
    asks[index] = ask
    if not ask.algorithm.open(ask, found) then failure = FOREIGN end
    -- What will not be written would not be found out.
    if mode >= PEEK and not found and redis.call('TYPE', key).ok ~= 'none' then failure = FOREIGN end
  end

  local allowed, granted = true, 0
  if not failure then
    if mode == TAKE_UP_TO then share(asks, count) end
    if mode ~= REFUND then
      for index = 1, count do
        local ask = asks[index]
        if ask.cost > ask.limit then
          ask.retry = NEVER
        elseif ask.cost > 0 then
          ask.retry = ask.algorithm.fit(ask)
        end
        if ask.retry ~= 0 then allowed = false end
        if ask.algorithm.delay then ask.delay = ask.algorithm.delay(ask) end
      end
    end
    for index = 1, count do
      local ask = asks[index]
      if ask.cost > 0 then
        if mode == REFUND then
          if ask.found then ask.algorithm.refund(ask, at_most(at, now)) end
        elseif allowed and mode ~= PEEK then
          if ask.cost > granted then granted = ask.cost end
          ask.algorithm.charge(ask)
        end
      end
    end
    -- A denial or a peek has nothing to write, unless a state had to be carried over: left as it was, it
    -- would deny until a clock that has stepped back has caught up.
    failure = commit(asks, count)
  end

  if failure then
    length = length + 1
    reply[length] = failure
  else
    reply[length + 1], reply[length + 2] = allowed and 1 or 0, granted
    length = length + 2
    for index = 1, count do
      local ask = asks[index]
      local remaining, reset = ask.algorithm.status(ask)
      reply[length + 1], reply[length + 2], reply[length + 3] = ask.retry, remaining, reset
      reply[length + 4] = allowed and ask.delay or 0
      length = length + 4
    end
  end
end
return reply
