-- Fixed window: at most `limit` in each aligned window; `detail` is the phase.
-- State: 'F', the window's end, what is used of it. The key lives as long as the window that it names.
makers[1] = function()

  local function prepare(rule)
    rule.stop = now + (rule.window - (now + rule.detail) % rule.window)
  end

  local function write(ask)
    local stop = ask.rule.stop
    if ask.stored == stop then
      ask.value, ask.offset = pack('<d', ask.used), '9'
    else
      ask.value, ask.offset, ask.expires = pack('<c1dd', 'F', stop, ask.used), nil, stop
    end
  end

  local function open(ask, raw)
    ask.used, ask.stored = 0, 0
    if raw then
      if #raw ~= 17 or raw:byte() ~= 70 then return false end
      local stop = ask.rule.stop
      local stored, used = unpack_at('<dd', raw, 2)
      ask.stored = stored
      if stored >= stop then
        ask.used = used
        -- A later end was written before the clock stepped back: it counts for this window, and no longer.
        if stored > stop then write(ask) end
      end
    end
    return true
  end

  local function fit(ask)
    local rule = ask.rule
    if ask.used + ask.cost <= rule.limit then return 0 end
    return rule.stop - now
  end

  local function charge(ask)
    ask.used = ask.used + ask.cost
    write(ask)
  end

  local function refund(ask, at)
    local rule = ask.rule
    local window = rule.window
    if at + (window - (at + rule.detail) % window) ~= rule.stop then return end
    ask.used = ask.used - at_most(ask.cost, ask.used)
    write(ask)
  end

  -- Until the window ends, and at most a tenth of it.
  local function lendable(ask)
    local rule = ask.rule
    local life = at_most(at_most(div(rule.window, 10), LONGEST_LEASE), rule.stop - now)
    return rule.limit - at_most(ask.used, rule.limit), life
  end

  local function lend(ask, tokens)
    ask.used = ask.used + tokens
    write(ask)
  end

  local function status(ask)
    local used, rule = ask.used, ask.rule
    local limit = rule.limit
    if used == 0 then return limit, 0 end
    if used > limit then used = limit end
    return limit - used, rule.stop - now
  end

  return {
    prepare = prepare, open = open, fit = fit, charge = charge, refund = refund, lendable = lendable,
    lend = lend, status = status,
  }
end
