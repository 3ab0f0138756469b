-- Token bucket, leaky bucket as meter and as queue (GCRA). `limit` is the capacity, and the rate is `detail`
-- tokens every `window` microseconds: a token is `window` units, each microsecond gives back `detail` units.
-- As a queue, an admitted request waits for the units in front of it to drain, and a refund takes no turn
-- back, since those behind it have been told their times. It lends nothing, since spacing is its point.
-- State: 'B', the moment the bucket is full again, the units beyond it, the rate that gives the units their
-- meaning (tokens, microseconds), the capacity it was charged under, until when the key lives (a little longer
-- than it has to, so that most charges need not move it), and since when it drains at that rate, if it held
-- something before. Where something was lent there is a tail: the last moment at which it may be spent, that of
-- the older generation, its tokens, and those lent since.

--: state
local MOST_UNITS = 4503599627370496 -- 2^52
-- The rule by which the state is decided: this one, or its capacity at the rate of the state, where that stays.
local top, per, every, full
-- The state. `kept`: it keeps a slower rate because something is lent.
local used, lives, since, capacity, state_per, state_every, kept, lent_until, tail

-- The units in use in those of this rate, rounded up to 2^-20 of a token.
local function converted()
  local FRACTIONS = 1048576
  local rest = used % state_every
  local fractions, more = mul_div(rest, FRACTIONS, state_every)
  if more > 0 then fractions = fractions + 1 end
  local low = window % FRACTIONS
  local high = (window - low) / FRACTIONS
  return (used - rest) / state_every * window + fractions * high + div_ceil(fractions * low, FRACTIONS)
end

-- Whether this rate is faster than that of the state.
local function is_faster()
  local whole, rest = mul_div(state_every, detail, window)
  return whole > state_per or whole == state_per and rest > 0
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

-- Takes the state over to this rate, or decides by that of the state for the time being: where more is in use
-- than fits, or where it would drain before what is lent of it is spent.
local function take_over()
  local _, older, newer = lent()
  kept = older + newer > 0 and is_faster()
  if kept or used > limit * state_every then
    per, every = state_per, state_every
    top = at_most(limit, div(MOST_UNITS, every))
    full = top * every
  else
    used = converted()
    state_per, state_every, capacity, since, lives, changed = detail, window, limit, now, 0, true
  end
end

-- From now on it is charged under the rule it was decided by.
local function fill(units)
  used = units
  if state_per ~= per or state_every ~= every then
    state_per, state_every, since, lives = per, every, now, 0
  end
  if capacity ~= top then capacity, lives = top, 0 end
end

--: rule

--: read
top, per, every, full, kept = limit, detail, window, limit * window, false
used, lives, since, capacity, lent_until, tail = 0, 0, 0, 0, 0, ''
state_per, state_every = detail, window
if raw then
  local form, full_at, part
  if #raw == 43 or #raw == 75 then
    form, full_at, part, state_per, state_every, capacity, lives, since = unpack_at('<BdI4I4I7I5I7I7', raw)
    if #raw == 75 then lent_until, tail = unpack_at('<d', raw, 44), raw:sub(52) end
  end
  garbled = form ~= 66
  if not garbled and full_at >= now then
    used = (full_at - now) * state_per + part
    -- Above a full bucket only a clock that has stepped back can leave it. (A product that leaves 53 bits is
    -- far above.)
    if used > capacity * state_every then
      used, changed = capacity * state_every, true
      if tail ~= '' then lent_until, lives = at_most(lent_until, now + LONGEST_LEASE), 0 end
    end
    if used > 0 and (state_per ~= detail or state_every ~= window) then take_over() end
  end
end
if kind == QUEUE then delay = div_ceil(used, per) end

--: fit
local brim = (top - cost) * every
if brim < 0 then brim = 0 end
if used > brim then
  retry = div_ceil(used - brim, per)
  if kept then retry = at_most(retry, lent_until + 1 - now) end
end

--: charge
fill(used + cost * every)

--: status
local left = full - used
if left < 0 then left = 0 end
remaining, reset = (left - left % every) / every, (used + -used % per) / per

--: write
local part = used % state_per
local full_at = now + (used - part) / state_per
expires = full_at
if part > 0 then expires = full_at + 1 end
local latest = expires + div(full, per * 16)
if lives >= expires and lives <= latest then
  value, offset = pack('<dI4', full_at, part), '1'
else
  expires = latest
  value = pack('<BdI4I4I7I5I7I7', 66, full_at, part, state_per, state_every, capacity, latest, since)
  if tail ~= '' then value = value .. pack('<d', lent_until) .. tail end
  offset = nil
end

--: refund
-- The cost, less what has been refilled since, and nothing of what was charged at another rate; but all that is
-- out stays in use, on top of what drains until the last of it can be spent.
if kind ~= QUEUE then
  local passed, stands = now - at, 0
  local older_until, older, newer = lent()
  if passed < 0 then passed = 0 end
  if at > now and older + newer > 0 then -- of a lease that can still be spent
    if at > older_until then
      newer = newer - at_most(cost, newer)
    else
      older = older - at_most(cost, older)
    end
    tail, lives, changed = pack('<ddd', older_until, older, newer), 0, true
  end
  if used > 0 and at >= since then
    if older + newer > 0 then stands = (lent_until - now) * per + (older + newer) * every end
    local back = at_most(at_most(cost, capacity) * every - passed * per, used - stands)
    if back > 0 then used, changed = used - back, true end
  end
end

--: lendable
-- For as long as what is in use takes to drain, and at most a twentieth of a full refill.
tokens, life = 0, 0
if kind ~= QUEUE and per == detail and every == window then
  local in_use = held()
  if in_use < full then tokens = div(full - in_use, window) end
  life = at_most(div(in_use, detail), drains_in(20))
end

--: lend
local older_until, older, newer = lent()
if at > lent_until then lent_until = at end
fill(held() + tokens * window)
lives, tail = 0, pack('<ddd', older_until, older, newer + tokens)
