-- Token bucket, leaky bucket as meter and as queue (GCRA). `limit` is the capacity, and the rate is `detail`
-- tokens every `window` microseconds: a token is `window` units, each microsecond gives back `detail` units.
-- State: 'B', the moment the bucket is full again, the units beyond it, the rate that gives them their
-- meaning (`per` tokens, `every` microseconds), and until when the key lives. That is a little longer than
-- it has to, so that most charges need not move it.
local bucket = {}
local FRACTIONS = 1048576
algorithms[4] = bucket

function bucket.prepare(rule)
  rule.full = rule.limit * rule.window
  rule.slack = rule.full / rule.detail / 16
end

local function bucket_write(ask)
  local rule, used, lives = ask.rule, ask.used, ask.lives
  local per = rule.detail
  local part = used % per
  local full_at = now + (used - part) / per
  local expires = full_at
  if part > 0 then expires = full_at + 1 end
  if lives >= expires and lives <= expires + rule.slack then
    ask.value, ask.offset = pack('<dd', full_at, part), '1'
  else
    lives = expires + rule.slack
    ask.value, ask.offset = pack('<c1ddddd', 'B', full_at, part, per, rule.window, lives), nil
    ask.expires = lives
  end
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

function bucket.open(ask, raw)
  ask.used, ask.lives = 0, 0
  if raw then
    if #raw ~= 41 or raw:byte() ~= 66 then return false end
    local rule = ask.rule
    local full_at, part, per, every, lives = unpack_at('<ddddd', raw, 2)
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
        bucket_write(ask)
      end
    else
      ask.used = converted(rule, ahead, per, part, every)
      bucket_write(ask)
    end
  end
  return true
end

function bucket.fit(ask)
  local rule = ask.rule
  local excess = ask.used + ask.cost * rule.window - rule.full
  if excess <= 0 then return 0 end
  return div_ceil(excess, rule.detail)
end

function bucket.charge(ask)
  ask.used = ask.used + ask.cost * ask.rule.window
  bucket_write(ask)
end

-- Gives back the cost, less what has been refilled since.
function bucket.refund(ask, at)
  local rule = ask.rule
  local back = at_most(ask.cost, rule.limit) * rule.window - (now - at) * rule.detail
  if back > 0 then
    ask.used = ask.used - at_most(back, ask.used)
    bucket_write(ask)
  end
end

function bucket.status(ask)
  local rule, used = ask.rule, ask.used
  local left, window, per = rule.full - used, rule.window, rule.detail
  return (left - left % window) / window, (used + -used % per) / per
end

-- As a queue: an admitted request waits for the units in front of it to drain, and a refund takes no turn
-- back, since those behind it have been told their times.
algorithms[5] = {
  prepare = bucket.prepare, open = bucket.open, fit = bucket.fit, charge = bucket.charge, status = bucket.status,
  refund = function() end,
  delay = function(ask) return div_ceil(ask.used, ask.rule.detail) end,
}
