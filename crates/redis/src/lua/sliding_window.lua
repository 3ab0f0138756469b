-- Sliding window counter: the previous window's count, weighted by how much of it is still in sight, plus
-- the current window's; `detail` is the grain in which time is weighed, so that products stay exact.
-- State: 'S', the current window's end, the previous window's count, the current one's.
makers[3] = function()

  local function prepare(rule)
    rule.stop = now + (rule.window - now % rule.window)
    rule.grains = div_ceil(rule.window, rule.detail)
  end

  -- When a state says nothing any more.
  local function ends(rule, stop, current)
    if current > 0 then return stop + rule.window end
    return stop
  end

  local function write(ask)
    local rule = ask.rule
    local expires = ends(rule, rule.stop, ask.current)
    if ask.lives == expires then
      ask.value, ask.offset = pack('<ddd', rule.stop, ask.previous, ask.current), '1'
    else
      ask.value, ask.offset = pack('<c1ddd', 'S', rule.stop, ask.previous, ask.current), nil
      ask.expires = expires
    end
  end

  local function open(ask, raw)
    ask.previous, ask.current, ask.lives = 0, 0, 0
    if raw then
      if #raw ~= 25 or raw:byte() ~= 83 then return false end
      local rule = ask.rule
      local stop, window = rule.stop, rule.window
      local stored, previous, current = unpack_at('<ddd', raw, 2)
      ask.lives = ends(rule, stored, current)
      if stored >= stop then
        ask.previous, ask.current = previous, current
        -- A later end was written before the clock stepped back: it counts from this window on.
        if stored > stop then write(ask) end
      elseif stored + window == stop then
        ask.previous = current
      end
    end
    return true
  end

  -- A count from before the limit was lowered may be above it, but not above what is exact.
  local function weighable(rule, count)
    local exact = at_most(count, div(4503599627370496, rule.grains)) -- 2^52
    local kept = at_most(count, rule.limit)
    if exact > kept then return exact end
    return kept
  end

  -- The previous window's weighted count, rounded up, with `left` of the current window to go.
  local function weighted(ask, left)
    if ask.previous == 0 then return 0 end
    local rule = ask.rule
    return div_ceil(weighable(rule, ask.previous) * div_ceil(left, rule.detail), rule.grains)
  end

  -- The most that may be left of the current window so that `count` weighs at most `room`.
  local function left_for(rule, count, room)
    count = weighable(rule, count)
    if count == 0 then return rule.window end
    return at_most(div(room * rule.grains, count) * rule.detail, rule.window)
  end

  local function fit(ask)
    local rule = ask.rule
    local limit, left = rule.limit, rule.stop - now
    local taken = ask.current + ask.cost
    if taken + weighted(ask, left) <= limit then return 0 end
    -- It fits when the previous window has slid far enough out of sight: of this window, of the next one
    -- (where today's count is the previous), or at the latest of the one after.
    if taken <= limit then
      local needed = left_for(rule, ask.previous, limit - taken)
      if needed > 0 then return left - needed end
    end
    return left + (rule.window - left_for(rule, ask.current, limit - ask.cost))
  end

  local function charge(ask)
    ask.current = ask.current + ask.cost
    write(ask)
  end

  local function refund(ask, at)
    local rule = ask.rule
    local window = rule.window
    local stop = at + (window - at % window)
    if stop == rule.stop then
      ask.current = ask.current - at_most(ask.cost, ask.current)
    elseif stop + window == rule.stop then
      ask.previous = ask.previous - at_most(ask.cost, ask.previous)
    else
      return
    end
    write(ask)
  end

  local function status(ask)
    local rule = ask.rule
    local left = rule.stop - now
    local estimate = ask.current + weighted(ask, left)
    local reset = 0
    if ask.current > 0 then
      reset = left + rule.window
    elseif ask.previous > 0 then
      reset = left
    end
    return rule.limit - at_most(estimate, rule.limit), reset
  end

  -- Until the window ends, and at most a tenth of it.
  local function lendable(ask)
    local rule = ask.rule
    local life = at_most(at_most(div(rule.window, 10), LONGEST_LEASE), rule.stop - now)
    return (status(ask)), life
  end

  local function lend(ask, tokens)
    ask.current = ask.current + tokens
    write(ask)
  end

  return {
    prepare = prepare, open = open, fit = fit, charge = charge, refund = refund, lendable = lendable,
    lend = lend, status = status,
  }
end
