-- Token bucket, leaky bucket as meter and as queue (GCRA). `limit` is the capacity, and the rate is `detail`
-- tokens every `window` microseconds: a token is `window` units, each microsecond gives back `detail` units.
-- State: 'B', the moment the bucket is full again, the units beyond it, and the rate that gives them their
-- meaning: `per` tokens, `every` microseconds.
local bucket = {}
local FRACTIONS = 1048576
algorithms[4] = bucket

local function bucket_write(ask)
  local used, per = ask.used, ask.detail
  local part = used % per
  local full_at = now + (used - part) / per
  ask.value = pack('<c1dddd', 'B', full_at, part, per, ask.window)
  ask.expires = full_at
  if part > 0 then ask.expires = full_at + 1 end
end

-- What was used under another rate, in units of this one: it stays used, rounded up to 2^-20 of a token.
local function converted(ask, ahead, per, part, every)
  if every < 1 then every = 1 end
  local tokens, rest = mul_div(ahead, per, every)
  tokens, rest = tokens + div(rest + part, every), (rest + part) % every
  if tokens >= ask.limit then return ask.full end
  local fractions, more = mul_div(rest, FRACTIONS, every)
  if more > 0 then fractions = fractions + 1 end
  local low = ask.window % FRACTIONS
  local high = (ask.window - low) / FRACTIONS
  return tokens * ask.window + fractions * high + div_ceil(fractions * low, FRACTIONS)
end

function bucket.open(ask, raw)
  local full = ask.limit * ask.window
  ask.full, ask.used = full, 0
  if raw then
    if #raw ~= 33 or raw:byte() ~= 66 then return false end
    local full_at, part, per, every = unpack_at('<dddd', raw, 2)
    local ahead = full_at - now -- in microseconds, to begin with
    if ahead < 0 or (ahead == 0 and part == 0) then return true end
    if per ~= ask.detail or every ~= ask.window then
      ask.used = converted(ask, ahead, per, part, every)
      bucket_write(ask)
    else
      -- Above a full bucket only a clock that has stepped back or a lowered burst can leave it. (A product
      -- that leaves 53 bits is far above.)
      ahead = ahead * per + part
      ask.used = at_most(ahead, full)
      if ahead > full then bucket_write(ask) end
    end
  end
  return true
end

function bucket.fit(ask)
  local excess = ask.used + ask.cost * ask.window - ask.full
  if excess <= 0 then return 0 end
  return div_ceil(excess, ask.detail)
end

function bucket.charge(ask)
  ask.used = ask.used + ask.cost * ask.window
  bucket_write(ask)
end

-- Gives back the cost, less what has been refilled since.
function bucket.refund(ask, at)
  local back = at_most(ask.cost, ask.limit) * ask.window - (now - at) * ask.detail
  if back > 0 then
    ask.used = ask.used - at_most(back, ask.used)
    bucket_write(ask)
  end
end

function bucket.status(ask)
  return div(ask.full - ask.used, ask.window), div_ceil(ask.used, ask.detail)
end

-- As a queue: an admitted request waits for the units in front of it to drain, and a refund takes no turn
-- back, since those behind it have been told their times.
algorithms[5] = {
  open = bucket.open, fit = bucket.fit, charge = bucket.charge, status = bucket.status,
  refund = function() end,
  delay = function(ask) return div_ceil(ask.used, ask.detail) end,
}
