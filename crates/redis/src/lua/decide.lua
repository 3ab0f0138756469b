-- Decides a batch of checks, each of them atomically and all or nothing.
--
-- KEYS     the counters of all asks of all checks, in order
-- ARGV[1]  little-endian numbers: doubles but for the small ones. A number that names this call, the number
--          of rules, the number of checks; then for each rule its algorithm, limit, window and detail; then
--          for each check its mode (one byte), its number of asks (four), what the mode is about if
--          anything (how many to lend at most, the moment of what is given back), and for each ask which
--          rule (four bytes) and its cost
-- Reply    a string of little-endian doubles: the number that names the call, the store's time; then for each
--          check what was granted (-1: denied); if it borrowed and was not denied, what was lent and for how
--          long; and for each ask what remains, the time until it is untouched again, and its delay or, where
--          the check was denied, its retry (-1: never). A check that failed is a -2 and nothing more: nothing
--          of it was written. Where there are such, their error texts follow the string in a list
local TAKE_UP_TO, LEASE, PEEK, REFUND = 1, 2, 3, 4 -- and 0, which takes, and 5, which returns what was lent
local LENT_PART = 8 -- a lease takes at most this part of what there is
local NEVER, DENIED, FAILED = -1, -1, -2
local GRACE = 1000000 -- a counter outlives its meaning by a second
local PIECE = 4000 -- as many numbers as a Lua stack holds with ease
local FOREIGN = 'WRONGTYPE a key of the limiter holds a value of another kind'

-- Writes what a check leaves behind, or nothing and returns what went wrong: a full or a read-only server
-- refuses the first write already, and that all keys are ours is known from reading them.
local function commit(asks, count)
  for index = 1, count do
    local ask = asks[index]
    local value, reply = ask.value, nil
    if value then
      if ask.offset then
        reply = execute('SETRANGE', ask.key, ask.offset, value)
      else
        -- As text: a number would be printed with 17 digits.
        local ttl = format('%d', (ask.expires - now + GRACE + 999) / 1000)
        reply = execute('SET', ask.key, value, 'PX', ttl)
      end
    elseif value == false then
      reply = execute('DEL', ask.key)
    end
    if type(reply) == 'table' and reply.err then return reply.err end
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

-- Lends the same number of tokens of every limit, for as long as all of them allow: how many, how long.
local function lend(asks, count, most)
  local tokens, life = most, LONGEST_LEASE
  if count == 0 then tokens = 0 end
  for index = 1, count do
    local ask = asks[index]
    local its_tokens, its_life = ask.algorithm.lendable(ask)
    if its_life < SHORTEST_LEASE then its_tokens = 0 end
    tokens, life = at_most(tokens, div(its_tokens, LENT_PART)), at_most(life, its_life)
  end
  if tokens == 0 then return 0, 0 end
  for index = 1, count do
    local ask = asks[index]
    ask.algorithm.lend(ask, tokens, now + life - 1)
  end
  return tokens, life
end

local request = ARGV[1]
local call, kinds, checks, position = unpack_at('<ddd', request)
local rules = {}
for index = 1, kinds do
  local kind, limit, window, detail
  kind, limit, window, detail, position = unpack_at('<dddd', request, position)
  local rule = { algorithm = algorithm(kind), limit = limit, window = window, detail = detail, full = 0, slack = 0 }
  rule.algorithm.prepare(rule)
  rules[index] = rule
end

local reply, length, texts, next_key = { call, now, 0, 0, 0, 0 }, 2, {}, 0
local asks = {}

for _ = 1, checks do
  local mode, count, about
  mode, count, position = unpack_at('<BI4', request, position)
  if mode >= REFUND or mode == LEASE then about, position = unpack_at('<d', request, position) end
  local failure
  for index = 1, count do
    next_key = next_key + 1
    local ask = asks[index]
    if not ask then
      -- All that an algorithm may set is named here: a table that grows is made anew each time.
      ask = {
        key = '', cost = 0, rule = 0, algorithm = 0, found = false, value = nil, offset = nil, expires = 0,
        retry = 0, last_word = 0, used = 0, lives = 0, lent_until = 0,
      }
      asks[index] = ask
    end
    local which, cost
    which, cost, position = unpack_at('<I4d', request, position)
    local key, rule = KEYS[next_key], rules[which]
    ask.key, ask.cost, ask.rule, ask.algorithm = key, cost, rule, rule.algorithm
    ask.value, ask.last_word = nil, 0
    -- Read one by one, just before it is written: the server finds the key in its caches then, and what an
    -- earlier check of this batch has written is there.
    local raw = execute('GET', key)
    if not ask.algorithm.open(ask, raw) then failure = type(raw) == 'table' and raw.err or FOREIGN end
    ask.found = raw
  end

  local allowed, granted, lent, life = true, 0, nil, nil
  if not failure then
    if mode == TAKE_UP_TO then share(asks, count) end
    local gives_back = false
    if mode >= REFUND then
      -- What can't have been charged by now was charged before the clock stepped back: nothing of it is here.
      gives_back = about <= (mode == REFUND and now or now + LONGEST_LEASE)
    else
      for index = 1, count do
        local ask = asks[index]
        local cost, retry = ask.cost, 0
        if cost > ask.rule.limit then
          retry = NEVER
        elseif cost > 0 then
          retry = ask.algorithm.fit(ask)
        end
        ask.retry = retry
        if retry ~= 0 then allowed = false end
        if ask.algorithm.delay then ask.last_word = ask.algorithm.delay(ask) end
      end
    end
    for index = 1, count do
      local ask = asks[index]
      local cost = ask.cost
      if cost > 0 then
        if mode >= REFUND then
          if gives_back and ask.found then ask.algorithm.refund(ask, about) end
        elseif allowed and mode ~= PEEK then
          if cost > granted then granted = cost end
          ask.algorithm.charge(ask)
        end
      end
    end
    if mode == LEASE and allowed then lent, life = lend(asks, count, about) end
    -- A denial or a peek has nothing to write, unless a state had to be carried over: left as it was, it
    -- would deny until a clock that has stepped back has caught up.
    failure = commit(asks, count)
  end

  length = length + 1
  if failure then
    reply[length] = FAILED
    texts[#texts + 1] = failure
  else
    reply[length] = allowed and granted or DENIED
    if lent then
      reply[length + 1], reply[length + 2] = lent, life
      length = length + 2
    end
    for index = 1, count do
      local ask = asks[index]
      local remaining, reset = ask.algorithm.status(ask)
      reply[length + 1], reply[length + 2] = remaining, reset
      reply[length + 3] = allowed and ask.last_word or ask.retry
      length = length + 3
    end
  end
end

local numbers = ''
for from = 1, length, PIECE do
  local to = at_most(from + PIECE - 1, length)
  numbers = numbers .. pack('<' .. ('d'):rep(to - from + 1), unpack(reply, from, to))
end
if #texts == 0 then return numbers end
return { numbers, unpack(texts) }
