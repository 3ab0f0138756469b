-- Sliding window log: at most `limit` in every interval of the window's length, both ends included;
-- `detail` is the slice to whose end stamps are rounded up.
--
-- State: 'L', a base, then 12 bytes for each entry, oldest first: its stamp, and the sum of all costs up to
-- and including it. Sums count modulo 2^32 (what lies within one window is at most 2^32, so 0 means 2^32
-- wherever there is an entry), and the base is the sum before the first entry. So what is used, and when
-- enough will have left, are differences, found by bisection without reading the entries between. A sorted
-- set would need five commands where this needs a GET and a SET, and about nine times the memory.

--: state
local HEAD, WIDTH, TURN = 5, 12, 4294967296
local hold -- how far ahead borrowed tokens are stamped, and how long they may be spent
local latest -- the latest stamp that could have been written by now
-- The entries are those in `raw` from `first` to `top`, which is stamped `last`. Before them the sum was
-- `before`, with them it is `sum`, and between them lies what is `used`.
local first, top, last, before, sum, used

local function entry(index)
  return unpack_at('<dI4', raw, HEAD + 1 + (index - 1) * WIDTH)
end

-- The entries from one to another, as they are stored.
local function entries(from, to)
  return raw:sub(HEAD + 1 + (from - 1) * WIDTH, HEAD + to * WIDTH)
end

-- How much lies between two sums that differ.
local function between(earlier, later)
  local its_cost = (later - earlier) % TURN
  if its_cost == 0 then return TURN end
  return its_cost
end

-- The first index from `low` on, before `high`, whose stamp is at least `moment`; else `high`.
local function bisect(low, high, moment)
  while low < high do
    local middle = div(low + high, 2)
    if entry(middle) >= moment then high = middle else low = middle + 1 end
  end
  return low
end

-- The last moment of the slice that holds `moment`.
local function stamp(moment)
  return moment - moment % detail + (detail - 1)
end

-- Takes another log in hand, of which nothing has left.
local function replace(log)
  raw, first, top = log, 1, (#log - HEAD) / WIDTH
  if top > 0 then last = entry(top) end
  changed = true
end

-- The log as it stands now, with so much more at that stamp: without what has left the window, and with one
-- entry for whatever the clock has stepped behind. (Sums being sums, the last says it all.) Behind a later
-- stamp nothing is entered: what is charged while tokens are lent leaves with them.
local function settle(more, its_stamp)
  local keep, newest = top, nil
  if keep >= first then
    if last > latest then
      newest = latest
      keep = bisect(first, top + 1, newest) - 1
    elseif more > 0 and last >= its_stamp then
      newest = last
      keep = keep - 1
    end
  end
  if more > 0 and not newest then newest = its_stamp end
  used, sum = used + more, (sum + more) % TURN
  local log = pack('<BI4', 76, before) .. entries(first, keep)
  if newest then log = log .. pack('<dI4', newest, sum) end
  replace(log)
end

--: rule
hold = at_most(div(window, 200), LONGEST_LEASE)
if hold < SHORTEST_LEASE then hold = 0 end
latest = stamp(now + hold)

--: read
first, top, used, sum, before = 1, 0, 0, 0, 0
if not raw then
  raw = ''
else
  top = (#raw - HEAD) / WIDTH
  garbled = top < 1 or top % 1 ~= 0 or byte(raw) ~= 76
  if not garbled then
    local oldest
    before, oldest = unpack_at('<I4d', raw, 2)
    local in_window = now - window -- the smallest stamp that still is
    if oldest < in_window then
      local _
      first = bisect(2, top + 1, in_window)
      _, before = entry(first - 1)
    end
    last, sum = entry(top)
    if first <= top then
      used = between(before, sum)
      -- Stamped later than anything could be by now: the clock has stepped back, or the slices are finer.
      if last > latest then settle(0) end
    end
  end
end

--: fit
local excess = used + cost - limit
if excess > 0 then
  -- The first entry with which enough will have left.
  local low, high = first, top
  while low < high do
    local middle = div(low + high, 2)
    local _, its_sum = entry(middle)
    if between(before, its_sum) >= excess then high = middle else low = middle + 1 end
  end
  retry = entry(low) + window + 1 - now
end

--: charge
settle(cost, stamp(now))

--: status
remaining, reset = limit, 0
if used > 0 then remaining, reset = limit - at_most(used, limit), last + window + 1 - now end

--: write
offset = nil
if top == 0 then
  value = false
else
  value, expires = raw, last + window + 1
end

--: refund
-- Takes the cost out of the entry it was stamped in, or out of the one before: never out of a later one.
settle(0)
local found = bisect(1, top + 1, stamp(at) + 1) - 1
if found > 0 then
  local _, its_sum = entry(found)
  local earlier = before
  if found > 1 then _, earlier = entry(found - 1) end
  local its_cost = between(earlier, its_sum)
  local back = at_most(cost, its_cost)
  -- Take it out of every sum from there on. An entry that is left with nothing goes.
  local parts = { raw:sub(1, HEAD), entries(1, found - 1) }
  if back == its_cost then found = found + 1 end
  for index = found, top do
    local its_stamp, later_sum = entry(index)
    parts[#parts + 1] = pack('<dI4', its_stamp, (later_sum - back) % TURN)
  end
  sum, used = (sum - back) % TURN, used - back
  replace(table.concat(parts))
end

--: lendable
tokens, life = limit - at_most(used, limit), hold

--: lend
-- Borrowed tokens are stamped with the last moment at which they can be spent.
settle(tokens, stamp(at))
