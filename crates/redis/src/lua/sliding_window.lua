-- Sliding window counter: the previous window's count, weighted by how much of it is still in sight, plus
-- the current window's; `detail` is the grain in which time is weighed, so that products stay exact.
-- State: 'S', the current window's end, the previous window's count, the current one's.
local sliding_window = {}
algorithms[3] = sliding_window

local function sliding_window_write(ask)
  ask.value = pack('<c1ddd', 'S', ask.stop, ask.previous, ask.current)
  ask.expires = ask.stop
  if ask.current > 0 then ask.expires = ask.stop + ask.window end
end

function sliding_window.open(ask, raw)
  local window = ask.window
  local stop = now + (window - now % window)
  ask.stop, ask.previous, ask.current = stop, 0, 0
  ask.grains = div_ceil(window, ask.detail)
  if raw then
    if #raw ~= 25 or raw:byte() ~= 83 then return false end
    local stored, previous, current = unpack_at('<ddd', raw, 2)
    if stored >= stop then
      ask.previous, ask.current = previous, current
      -- A later end was written before the clock stepped back: it counts from this window on.
      if stored > stop then sliding_window_write(ask) end
    elseif stored + window == stop then
      ask.previous = current
    end
  end
  return true
end

-- A count from before the limit was lowered may be above it, but not above what is exact.
local function weighable(ask, count)
  local exact = at_most(count, div(4503599627370496, ask.grains)) -- 2^52
  local kept = at_most(count, ask.limit)
  if exact > kept then return exact end
  return kept
end

-- The previous window's weighted count, rounded up, with `left` of the current window to go.
local function weighted(ask, left)
  if ask.previous == 0 then return 0 end
  return div_ceil(weighable(ask, ask.previous) * div_ceil(left, ask.detail), ask.grains)
end

-- The most that may be left of the current window so that `count` weighs at most `room`.
local function left_for(ask, count, room)
  count = weighable(ask, count)
  if count == 0 then return ask.window end
  return at_most(div(room * ask.grains, count) * ask.detail, ask.window)
end

function sliding_window.fit(ask)
  local limit, left = ask.limit, ask.stop - now
  local taken = ask.current + ask.cost
  if taken + weighted(ask, left) <= limit then return 0 end
  -- It fits when the previous window has slid far enough out of sight: of this window, of the next one
  -- (where today's count is the previous), or at the latest of the one after.
  if taken <= limit then
    local needed = left_for(ask, ask.previous, limit - taken)
    if needed > 0 then return left - needed end
  end
  return left + (ask.window - left_for(ask, ask.current, limit - ask.cost))
end

function sliding_window.charge(ask)
  ask.current = ask.current + ask.cost
  sliding_window_write(ask)
end

function sliding_window.refund(ask, at)
  local window = ask.window
  local stop = at + (window - at % window)
  if stop == ask.stop then
    ask.current = ask.current - at_most(ask.cost, ask.current)
  elseif stop + window == ask.stop then
    ask.previous = ask.previous - at_most(ask.cost, ask.previous)
  else
    return
  end
  sliding_window_write(ask)
end

function sliding_window.status(ask)
  local left = ask.stop - now
  local estimate = ask.current + weighted(ask, left)
  local reset = 0
  if ask.current > 0 then
    reset = left + ask.window
  elseif ask.previous > 0 then
    reset = left
  end
  return ask.limit - at_most(estimate, ask.limit), reset
end
