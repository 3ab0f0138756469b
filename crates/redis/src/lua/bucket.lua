-- Token bucket, leaky bucket as meter and as queue (GCRA). `limit` is the capacity, and the rate is `detail`
-- tokens every `window` microseconds: a token is `window` units, each microsecond gives back `detail` units.
-- State: 'B', the moment the bucket is full again, the units beyond it, and the rate that gives them their
-- meaning: `per` tokens, `every` microseconds.
local bucket = {}
algorithms[4] = bucket

function bucket.open(ask, raw)
  local full = ask.limit * ask.window
  ask.full, ask.used = full, 0
  if raw then
    if #raw ~= 33 or raw:byte() ~= 66 then return false end
    local full_at, part, per, every = unpack_at('<dddd', raw, 2)
    if full_at >= now then
      -- More than 2^52 units have never been stored: so far ahead only a clock can be that stepped back.
      local ahead = at_most((full_at - now) * per + part, 4503599627370496)
      if per ~= ask.detail or every ~= ask.window then
        -- Under a changed rate what was used stays used, rounded up to whole tokens.
        if every < 1 then every = 1 end
        ahead = at_most(div_ceil(ahead, every), ask.limit) * ask.window
      end
      ask.used = at_most(ahead, full)
    end
  end
  return true
end

function bucket.fit(ask)
  local excess = ask.used + ask.cost * ask.window - ask.full
  if excess <= 0 then return 0 end
  return div_ceil(excess, ask.detail)
end

local function bucket_write(ask)
  local used, per = ask.used, ask.detail
  local part = used % per
  local full_at = now + (used - part) / per
  ask.value = pack('<c1dddd', 'B', full_at, part, per, ask.window)
  ask.expires = full_at
  if part > 0 then ask.expires = full_at + 1 end
end

function bucket.charge(ask)
  ask.used = ask.used + ask.cost * ask.window
  bucket_write(ask)
end

-- Never lifts the bucket above its capacity.
function bucket.refund(ask)
  ask.used = ask.used - at_most(at_most(ask.cost, ask.limit) * ask.window, ask.used)
  bucket_write(ask)
end

function bucket.status(ask)
  return div(ask.full - ask.used, ask.window), div_ceil(ask.used, ask.detail)
end

-- As a queue, an admitted request waits for the units in front of it to drain.
function bucket.delay(ask)
  return div_ceil(ask.used, ask.detail)
end

algorithms[5] = {
  open = bucket.open, fit = bucket.fit, charge = bucket.charge, refund = bucket.refund,
  status = bucket.status, delay = bucket.delay,
}
bucket.delay = nil
