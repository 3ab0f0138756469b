-- Sliding window counter: the previous window's count, weighted by how much of it is still in sight, plus
-- the current window's; `detail` is the grain in which time is weighed, so that products stay exact.
-- State: 'S', the current window's end, the previous window's count, the current one's.

--: state
local previous, current, weight, lives, stop, grains

-- A count from before the limit was lowered may be above it, but not above what is exact.
local function weighable(count)
  if count <= limit then return count end
  local exact = div(4503599627370496, grains) -- 2^52
  if exact < limit then return limit end
  return at_most(count, exact)
end

-- The previous window's weighted count, rounded up.
local function weigh()
  if previous == 0 then return 0 end
  return div_ceil(weighable(previous) * div_ceil(stop - now, detail), grains)
end

-- The most that may be left of the current window so that `count` weighs at most `room`.
local function left_for(count, room)
  count = weighable(count)
  if count == 0 then return window end
  return at_most(div(room * grains, count) * detail, window)
end

--: rule
stop = now + (window - now % window)
grains = div_ceil(window, detail)

--: read
previous, current, lives = 0, 0, 0
if raw then
  local form, stored, earlier, later
  if #raw == 25 then form, stored, earlier, later = unpack_at('<Bddd', raw) end
  garbled = form ~= 83
  if not garbled then
    lives = stored
    if later > 0 then lives = stored + window end
    if stored >= stop then
      previous, current = earlier, later
      -- A later end was written before the clock stepped back: it counts from this window on.
      changed = stored > stop
    elseif stored + window == stop then
      previous = later
    end
  end
end
weight = weigh()

--: fit
local taken = current + cost
if taken + weight > limit then
  local left = stop - now
  -- It fits when the previous window has slid far enough out of sight: of this window, of the next one
  -- (where today's count is the previous), or at the latest of the one after.
  local needed = 0
  if taken <= limit then needed = left_for(previous, limit - taken) end
  if needed > 0 then
    retry = left - needed
  else
    retry = left + (window - left_for(current, limit - cost))
  end
end

--: charge
current = current + cost

--: status
remaining, reset = limit - at_most(current + weight, limit), 0
if current > 0 then
  reset = stop - now + window
elseif previous > 0 then
  reset = stop - now
end

--: write
expires = stop
if current > 0 then expires = stop + window end
if lives == expires then
  value, offset = pack('<ddd', stop, previous, current), '1'
else
  value, offset = pack('<Bddd', 83, stop, previous, current), nil
end

--: refund
local its_stop = at + (window - at % window)
if its_stop == stop then
  current, changed = current - at_most(cost, current), true
elseif its_stop + window == stop then
  previous, changed = previous - at_most(cost, previous), true
  weight = weigh()
end

--: lendable
-- Until the window ends, and at most a tenth of it.
tokens = limit - at_most(current + weight, limit)
life = at_most(at_most(div(window, 10), LONGEST_LEASE), stop - now)

--: lend
current = current + tokens
