-- Decides a batch of any checks, each of them atomically and all or nothing.
--
-- KEYS     the counters of all asks of all checks, in order
-- ARGV[1]  little-endian numbers: doubles but for the small ones. A number that names this call, the number
--          of rules, the number of checks; then for each rule its algorithm, limit, window and detail; then
--          for each check its mode (one byte), its number of asks (four), what the mode is about if
--          anything (how many to lend at most, the moment of what is given back), and for each ask which
--          rule (four bytes) and its cost
-- Reply    see ends.lua
local LENT_PART = 8 -- a lease takes at most this part of what there is
local algorithms, pieces = {}, nil

-- Takes a counter in hand, as it was before this check.
local function enter(ask)
  local rule = ask.rule
  kind, limit, window, detail = rule.kind, rule.limit, rule.window, rule.detail
  key, raw, cost = ask.key, ask.raw, ask.cost
  garbled, changed, retry, delay = false, false, 0, 0
  pieces = algorithms[kind]
  if not pieces then
    -- To make all of them would take a quarter of the time of an execution that decides one check.
    local family = kind == QUEUE and 4 or kind
    --> algorithms
    algorithms[kind] = pieces
  end
  pieces.rule()
  pieces.read()
end

-- As much as all have, at most the cost. Asking for at least 1 turns "nothing to be had" into a denial that
-- knows its retry; who asks a limit for nothing gets nothing there.
local function share(asks, count)
  local common
  for index = 1, count do
    enter(asks[index])
    if cost > 0 then
      pieces.status()
      local most = at_most(cost, remaining)
      if not common or most < common then common = most end
    end
  end
  if not common or common < 1 then common = 1 end
  for index = 1, count do
    asks[index].cost = at_most(asks[index].cost, common)
  end
end

-- Whether the cost in hand fits; leaves in the ask how long until it does, or the delay.
local function fits(ask)
  if cost > limit then
    retry = NEVER
  elseif cost > 0 then
    pieces.fit()
  end
  ask.retry, ask.delay = retry, delay
  return retry == 0
end

-- What can be lent of every limit once the costs are charged, and for how long: the same number of each, for
-- as long as all of them allow.
local function common_lease(asks, count, most)
  local common, shortest = most, LONGEST_LEASE
  if count == 0 then common = 0 end
  for index = 1, count do
    enter(asks[index])
    if cost > 0 then pieces.charge() end
    pieces.lendable()
    if life < SHORTEST_LEASE then tokens = 0 end
    common, shortest = at_most(common, div(tokens, LENT_PART)), at_most(shortest, life)
  end
  if common == 0 then return 0, 0 end
  return common, shortest
end

local request = ARGV[1]
local call, kinds, checks, position = unpack_at('<ddd', request)
local rules = {}
for index = 1, kinds do
  local rule = { kind = 0, limit = 0, window = 0, detail = 0 }
  rule.kind, rule.limit, rule.window, rule.detail, position = unpack_at('<dddd', request, position)
  rules[index] = rule
end

local reply, length, texts, next_key = { call, now, 0, 0, 0, 0 }, 2, {}, 0
local asks = {}

for _ = 1, checks do
  local mode, count, about
  mode, count, position = unpack_at('<BI4', request, position)
  if mode >= REFUND or mode == LEASE then about, position = unpack_at('<d', request, position) end
  local failure, allowed = nil, true
  local asks_now = mode < REFUND and mode ~= TAKE_UP_TO
  for index = 1, count do
    next_key = next_key + 1
    local ask = asks[index]
    if not ask then
      -- All of it is named here: a table that grows is made anew each time.
      ask = { key = '', raw = false, cost = 0, rule = 0, retry = 0, delay = 0 }
      asks[index] = ask
    end
    local which
    which, ask.cost, position = unpack_at('<I4d', request, position)
    ask.key, ask.rule, ask.retry, ask.delay = KEYS[next_key], rules[which], 0, 0
    -- Read one by one, just before it is written: the server finds the key in its caches then, and what an
    -- earlier check of this batch has written is there.
    ask.raw = execute('GET', ask.key)
    enter(ask)
    if garbled then
      failure = type(ask.raw) == 'table' and ask.raw.err or FOREIGN
    elseif asks_now and not fits(ask) then
      allowed = false
    end
  end

  local start, granted, lent, lent_for = length + 1, 0, nil, 0
  length = start
  if not failure then
    if mode == TAKE_UP_TO then
      share(asks, count)
      for index = 1, count do
        enter(asks[index])
        if not fits(asks[index]) then allowed = false end
      end
    end
    if mode == LEASE and allowed then
      lent, lent_for = common_lease(asks, count, about)
      reply[start + 1], reply[start + 2] = lent, lent_for
      length = start + 2
    end
    local charges = allowed and mode < PEEK
    -- What can't have been charged by now was charged before the clock stepped back: nothing of it is here.
    local gives_back = mode >= REFUND and about <= (mode == REFUND and now or now + LONGEST_LEASE)
    for index = 1, count do
      local ask = asks[index]
      if count > 1 or mode == LEASE then enter(ask) end -- else it is in hand
      if mode == RESET then
        if ask.raw then
          ask.raw = false
          enter(ask)
          value = false
          --> commit
          if failure then break end
        end
      elseif cost > 0 and charges then
        if cost > granted then granted = cost end
        pieces.charge()
        changed = true
      elseif cost > 0 and gives_back and ask.raw then
        at = about
        pieces.refund()
      end
      if lent and lent > 0 then
        tokens, at = lent, now + lent_for - 1
        pieces.lend()
        changed = true
      end
      -- A denial or a peek has nothing to write, unless a state had to be carried over: left as it was, it
      -- would deny until a clock that has stepped back has caught up. A full or a read-only server refuses
      -- the first write already, and that all keys are ours is known from reading them: so nothing is
      -- written where one fails.
      if changed then
        pieces.write()
        --> commit
        if failure then break end
      end
      pieces.status()
      reply[length + 1], reply[length + 2] = remaining, reset
      reply[length + 3] = allowed and ask.delay or ask.retry
      length = length + 3
    end
  end

  if failure then
    length = start
    reply[start] = FAILED
    texts[#texts + 1] = failure
  else
    reply[start] = allowed and granted or DENIED
  end
end
--> answer
