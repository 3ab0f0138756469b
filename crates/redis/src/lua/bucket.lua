-- Token bucket, leaky bucket as meter and as queue (GCRA). `limit` is the capacity, and the rate is `detail`
-- tokens every `window` microseconds: a token is `window` units, each microsecond gives back `detail` units.
-- State: 'B', the moment the bucket is full again, the units beyond it, the last moment at which something
-- lent may be spent, the rate that gives the units their meaning (`per` tokens, `every` microseconds), and
-- until when the key lives. That is a little longer than it has to, so that most charges need not move it.
makers[4] = function()
  local FRACTIONS = 1048576

  local function prepare(rule)
    rule.full = rule.limit * rule.window
    rule.slack = rule.full / rule.detail / 16
  end

  local function write(ask)
    local rule, used, lives = ask.rule, ask.used, ask.lives
    local per = rule.detail
    local part = used % per
    local full_at = now + (used - part) / per
    local expires = full_at
    if part > 0 then expires = full_at + 1 end
    if lives >= expires and lives <= expires + rule.slack then
      ask.value, ask.offset = pack('<dI4d', full_at, part, ask.lent_until), '1'
    else
      lives = expires + rule.slack
      ask.value = pack('<c1dI4dI4dd', 'B', full_at, part, ask.lent_until, per, rule.window, lives)
      ask.offset, ask.expires = nil, lives
    end
  end

  -- A tenth of a full refill.
  local function longest_lease(rule)
    return at_most(div(rule.full, rule.detail * 10), LONGEST_LEASE)
  end

  -- What was used under another rate, in units of this one: it stays used, rounded up to 2^-20 of a token.
  local function converted(rule, ahead, per, part, every)
    if every < 1 then every = 1 end
    local tokens, rest = mul_div(ahead, per, every)
    tokens, rest = tokens + div(rest + part, every), (rest + part) % every
    if tokens >= rule.limit then return rule.full end
    local fractions, more = mul_div(rest, FRACTIONS, every)
    if more > 0 then fractions = fractions + 1 end
    local low = rule.window % FRACTIONS
    local high = (rule.window - low) / FRACTIONS
    return tokens * rule.window + fractions * high + div_ceil(fractions * low, FRACTIONS)
  end

  local function open(ask, raw)
    ask.used, ask.lives, ask.lent_until = 0, 0, 0
    if raw then
      if #raw ~= 41 or raw:byte() ~= 66 then return false end
      local rule = ask.rule
      local full_at, part, lent_until, per, every, lives = unpack_at('<dI4dI4dd', raw, 2)
      ask.lent_until = lent_until
      local ahead = full_at - now -- in microseconds, to begin with
      local same = per == rule.detail and every == rule.window
      if same then ask.lives = lives end
      if ahead < 0 or (ahead == 0 and part == 0) then return true end
      if same then
        -- Above a full bucket only a clock that has stepped back or a lowered burst can leave it. (A product
        -- that leaves 53 bits is far above.)
        ahead = ahead * per + part
        ask.used = ahead
        if ahead > rule.full then
          ask.used = rule.full
          ask.lent_until = at_most(lent_until, now + longest_lease(rule))
          write(ask)
        end
      else
        ask.used = converted(rule, ahead, per, part, every)
        ask.lent_until = at_most(lent_until, now + longest_lease(rule))
        write(ask)
      end
    end
    return true
  end

  local function fit(ask)
    local rule = ask.rule
    local excess = ask.used + ask.cost * rule.window - rule.full
    if excess <= 0 then return 0 end
    return div_ceil(excess, rule.detail)
  end

  local function charge(ask)
    ask.used = ask.used + ask.cost * ask.rule.window
    write(ask)
  end

  -- Gives back the cost, less what has been refilled since; where tokens are lent, less what will be until the
  -- last of them can be spent.
  local function refund(ask, at)
    local rule = ask.rule
    local since = now - at
    if ask.lent_until > now then since = ask.lent_until - at end
    if since < 0 then since = 0 end
    local back = at_most(ask.cost, rule.limit) * rule.window - since * rule.detail
    if back > 0 then
      ask.used = ask.used - at_most(back, ask.used)
      write(ask)
    end
  end

  -- The units in use when tokens are lent: at least a hundredth of a full refill.
  local function held(ask)
    local rule = ask.rule
    local hold = at_most(div(rule.full, rule.detail * 100), LONGEST_LEASE) * rule.detail
    if ask.used < hold then return hold end
    return ask.used
  end

  -- For as long as what is in use takes to drain, at the most.
  local function lendable(ask)
    local rule, in_use = ask.rule, held(ask)
    return div(rule.full - in_use, rule.window), at_most(div(in_use, rule.detail), longest_lease(rule))
  end

  local function lend(ask, tokens, last)
    ask.used = held(ask) + tokens * ask.rule.window
    if last > ask.lent_until then ask.lent_until = last end
    write(ask)
  end

  local function status(ask)
    local rule, used = ask.rule, ask.used
    local left, window, per = rule.full - used, rule.window, rule.detail
    return (left - left % window) / window, (used + -used % per) / per
  end

  return {
    prepare = prepare, open = open, fit = fit, charge = charge, refund = refund, lendable = lendable,
    lend = lend, status = status,
  }
end

-- As a queue: an admitted request waits for the units in front of it to drain, and a refund takes no turn
-- back, since those behind it have been told their times. It lends nothing, since spacing is its point.
makers[5] = function()
  local bucket = algorithm(4)
  return {
    prepare = bucket.prepare, open = bucket.open, fit = bucket.fit, charge = bucket.charge, status = bucket.status,
    refund = function() end,
    lendable = function() return 0, 0 end,
    delay = function(ask) return div_ceil(ask.used, ask.rule.detail) end,
  }
end
