-- Sliding window log: at most `limit` in every interval of the window's length, both ends included;
-- `detail` is the slice to whose end stamps are rounded up.
--
-- State: 'L', a base, then 12 bytes for each entry, oldest first: its stamp, and the sum of all costs up to
-- and including it. Sums count modulo 2^32 (what lies within one window is at most 2^32, so 0 means 2^32
-- wherever there is an entry), and the base is the sum before the first entry. So what is used, and when
-- enough will have left, are differences, found by bisection without reading the entries between. A sorted
-- set would need five commands where this needs a GET and a SET, and about nine times the memory.
makers[2] = function()

  local HEAD, WIDTH, TURN = 5, 12, 4294967296

  local function entry(raw, index)
    return unpack_at('<dI4', raw, HEAD + 1 + (index - 1) * WIDTH)
  end

  -- The entries from `from` to `to`, as they are stored.
  local function entries(raw, from, to)
    return raw:sub(HEAD + 1 + (from - 1) * WIDTH, HEAD + to * WIDTH)
  end

  -- How much lies between two sums that differ.
  local function between(before, sum)
    local cost = (sum - before) % TURN
    if cost == 0 then return TURN end
    return cost
  end

  -- The first index from `low` on, before `high`, whose stamp is at least `stamp`; else `high`.
  local function bisect(raw, low, high, stamp)
    while low < high do
      local middle = div(low + high, 2)
      if entry(raw, middle) >= stamp then high = middle else low = middle + 1 end
    end
    return low
  end

  -- How far ahead borrowed tokens are stamped, and how long they may be spent.
  local function prepare(rule)
    local hold = at_most(div(rule.window, 200), LONGEST_LEASE)
    if hold < SHORTEST_LEASE then hold = 0 end
    rule.hold = hold
  end

  -- The last moment of the slice that holds `moment`.
  local function stamp(rule, moment)
    return moment - moment % rule.detail + (rule.detail - 1)
  end

  -- What is to be written: the entries in `raw`.
  local function write(ask, raw)
    ask.raw, ask.first, ask.count = raw, 1, (#raw - HEAD) / WIDTH
    if ask.count == 0 then
      ask.value = false
    else
      ask.last = entry(raw, ask.count)
      ask.value, ask.expires = raw, ask.last + ask.rule.window + 1
    end
  end

  -- The log as it stands now, with `cost` more at that stamp: without what has left the window, and with one
  -- entry for whatever the clock has stepped behind. (Sums being sums, the last says it all.) Behind a later
  -- stamp nothing is entered: what is charged while tokens are lent leaves with them.
  local function settle(ask, cost, at)
    local keep, last = ask.count, nil
    if keep >= ask.first then
      if ask.last > ask.latest then
        last = ask.latest
        keep = bisect(ask.raw, ask.first, ask.count + 1, last) - 1
      elseif cost > 0 and ask.last >= at then
        last = ask.last
        keep = keep - 1
      end
    end
    if cost > 0 and not last then last = at end
    local raw = pack('<c1I4', 'L', ask.before) .. entries(ask.raw, ask.first, keep)
    ask.used, ask.sum = ask.used + cost, (ask.sum + cost) % TURN
    if last then raw = raw .. pack('<dI4', last, ask.sum) end
    write(ask, raw)
  end

  local function open(ask, raw)
    ask.offset = nil
    ask.latest = stamp(ask.rule, now + ask.rule.hold) -- the latest that could have been written by now
    ask.raw, ask.first, ask.count, ask.used, ask.sum, ask.before = '', 1, 0, 0, 0, 0
    if not raw then return true end
    local count = (#raw - HEAD) / WIDTH
    if count < 1 or count % 1 ~= 0 or raw:byte() ~= 76 then return false end
    local base, oldest = unpack_at('<I4d', raw, 2)
    local first = 1
    local in_window = now - ask.rule.window -- the smallest stamp that still is
    if oldest < in_window then
      first = bisect(raw, 2, count + 1, in_window)
      local _, sum = entry(raw, first - 1)
      base = sum
    end
    ask.raw, ask.first, ask.count, ask.before = raw, first, count, base
    ask.last, ask.sum = entry(raw, count)
    if first <= count then
      ask.used = between(base, ask.sum)
      -- Stamped later than anything could be by now: the clock has stepped back, or the slices are finer.
      if ask.last > ask.latest then settle(ask, 0) end
    end
    return true
  end

  local function fit(ask)
    local excess = ask.used + ask.cost - ask.rule.limit
    if excess <= 0 then return 0 end
    -- The first entry with which enough will have left.
    local low, high = ask.first, ask.count
    while low < high do
      local middle = div(low + high, 2)
      local _, sum = entry(ask.raw, middle)
      if between(ask.before, sum) >= excess then high = middle else low = middle + 1 end
    end
    return entry(ask.raw, low) + ask.rule.window + 1 - now
  end

  local function charge(ask)
    settle(ask, ask.cost, stamp(ask.rule, now))
  end

  -- Takes the cost out of the entry it was stamped in, or out of the one before: never out of a later one.
  local function refund(ask, at)
    settle(ask, 0)
    local raw, count = ask.raw, ask.count
    local found = bisect(raw, 1, count + 1, stamp(ask.rule, at) + 1) - 1
    if found < 1 then return end
    local before = ask.before
    if found > 1 then before = select(2, entry(raw, found - 1)) end
    local _, sum = entry(raw, found)
    local cost = between(before, sum)
    local back = at_most(ask.cost, cost)
    -- Take it out of every sum from there on. An entry that is left with nothing goes.
    local parts = { raw:sub(1, HEAD), entries(raw, 1, found - 1) }
    if back == cost then found = found + 1 end
    for index = found, count do
      local its_stamp, its_sum = entry(raw, index)
      parts[#parts + 1] = pack('<dI4', its_stamp, (its_sum - back) % TURN)
    end
    ask.sum = (ask.sum - back) % TURN
    ask.used = ask.used - back
    write(ask, table.concat(parts))
  end

  local function lendable(ask)
    local rule = ask.rule
    return rule.limit - at_most(ask.used, rule.limit), rule.hold
  end

  -- Stamps borrowed tokens with the last moment at which they can be spent.
  local function lend(ask, tokens, last)
    settle(ask, tokens, stamp(ask.rule, last))
  end

  local function status(ask)
    if ask.used == 0 then return ask.rule.limit, 0 end
    return ask.rule.limit - at_most(ask.used, ask.rule.limit), ask.last + ask.rule.window + 1 - now
  end

  return {
    prepare = prepare, open = open, fit = fit, charge = charge, refund = refund, lendable = lendable,
    lend = lend, status = status,
  }
end
