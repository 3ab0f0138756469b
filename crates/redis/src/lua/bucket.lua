-- Token bucket, leaky bucket as meter and as queue (GCRA). `limit` is the capacity, and the rate is `detail`
-- tokens every `window` microseconds: a token is `window` units, each microsecond gives back `detail` units.
-- As a queue, an admitted request waits for the units in front of it to drain, and a refund takes no turn
-- back, since those behind it have been told their times. It lends nothing, since spacing is its point.
-- State: 'B', the moment the bucket is full again, the units beyond it, the last moment at which something
-- lent may be spent, the rate that gives the units their meaning (`per` tokens, `every` microseconds), and
-- until when the key lives. That is a little longer than it has to, so that most charges need not move it.
-- Where something was lent there is a tail: the last moment of the older generation, its tokens, and those
-- lent since.

--: state
local full, used, lives, lent_until, tail

-- What was used under another rate, in units of this one: it stays used, rounded up to 2^-20 of a token.
local function converted(ahead, per, part, every)
  local FRACTIONS = 1048576
  if every < 1 then every = 1 end
  local tokens, rest = mul_div(ahead, per, every)
  tokens, rest = tokens + div(rest + part, every), (rest + part) % every
  if tokens >= limit then return full end
  local fractions, more = mul_div(rest, FRACTIONS, every)
  if more > 0 then fractions = fractions + 1 end
  local low = window % FRACTIONS
  local high = (window - low) / FRACTIONS
  return tokens * window + fractions * high + div_ceil(fractions * low, FRACTIONS)
end

-- As much as is used in a part of a full refill, and in the longest lease.
local function drains_in(parts)
  return at_most(div(full, detail * parts), LONGEST_LEASE)
end

-- The units in use when tokens are lent: at least a hundredth of a full refill.
local function held()
  local hold = drains_in(100) * detail
  if used < hold then return hold end
  return used
end

-- What is lent, without a generation that is over: the last moment of the older one, its tokens, and those
-- lent since.
local function lent()
  if lent_until < now or tail == '' then return 0, 0, 0 end
  local older_until, older, newer = unpack_at('<ddd', tail)
  if older_until < now then return lent_until, newer, 0 end
  return older_until, older, newer
end

--: rule
full = limit * window

--: read
used, lives, lent_until, tail = 0, 0, 0, ''
if raw then
  local form, full_at, part, per, every
  if #raw == 41 or #raw == 65 then
    form, full_at, part, lent_until, per, every, lives = unpack_at('<BdI4dI4dd', raw)
    tail = raw:sub(42)
  end
  garbled = form ~= 66
  if not garbled then
    local ahead = full_at - now
    local same = per == detail and every == window
    if not same then lives = 0 end
    if ahead > 0 or (ahead == 0 and part > 0) then
      if same then used = ahead * per + part else used = converted(ahead, per, part, every) end
      -- Above a full bucket only a clock that has stepped back or a lowered burst can leave it. (A product
      -- that leaves 53 bits is far above.)
      if used > full or not same then
        used = at_most(used, full)
        lent_until = at_most(lent_until, now + LONGEST_LEASE)
        changed = true
      end
    end
  end
end
if kind == QUEUE then delay = div_ceil(used, detail) end

--: fit
local excess = used + cost * window - full
if excess > 0 then retry = div_ceil(excess, detail) end

--: charge
used = used + cost * window

--: status
local left = full - used
remaining, reset = (left - left % window) / window, (used + -used % detail) / detail

--: write
local part = used % detail
local full_at = now + (used - part) / detail
expires = full_at
if part > 0 then expires = full_at + 1 end
local latest = expires + full / detail / 16
if lives >= expires and lives <= latest then
  value, offset = pack('<dI4d', full_at, part, lent_until), '1'
else
  expires = latest
  value, offset = pack('<BdI4dI4dd', 66, full_at, part, lent_until, detail, window, latest) .. tail, nil
end

--: refund
-- The cost, less what has been refilled since; but all that is out stays in use, on top of what drains until
-- the last of it can be spent.
if kind ~= QUEUE then
  local since, stands = now - at, 0
  local older_until, older, newer = lent()
  if since < 0 then since = 0 end
  if at > now and older + newer > 0 then -- of a lease that can still be spent
    if at > older_until then
      newer = newer - at_most(cost, newer)
    else
      older = older - at_most(cost, older)
    end
    tail, lives, changed = pack('<ddd', older_until, older, newer), 0, true
  end
  if older + newer > 0 then stands = (lent_until - now) * detail + (older + newer) * window end
  local back = at_most(at_most(cost, limit) * window - since * detail, used - stands)
  if back > 0 then used, changed = used - back, true end
end

--: lendable
-- For as long as what is in use takes to drain, and at most a twentieth of a full refill.
tokens, life = 0, 0
if kind ~= QUEUE then
  local in_use = held()
  tokens, life = div(full - in_use, window), at_most(div(in_use, detail), drains_in(20))
end

--: lend
local older_until, older, newer = lent()
if at > lent_until then lent_until = at end
used, lives, tail = held() + tokens * window, 0, pack('<ddd', older_until, older, newer + tokens)
