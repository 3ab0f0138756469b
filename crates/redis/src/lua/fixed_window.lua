-- Fixed window: at most `limit` in each aligned window; `detail` is the phase.
-- State: 'F', what is used, the end of the window in which it is. The key lives as long as that window.

--: state
local used, stored, stop

--: rule
stop = now + (window - (now + detail) % window)

--: read
used, stored = 0, 0
if raw then
  local form
  if #raw == 17 then form, used, stored = unpack_at('<Bdd', raw) end
  garbled = form ~= 70
  if stored < stop then
    used = 0
  elseif stored > stop then
    -- It was written before the clock stepped back, and counts for this window, and no longer.
    changed = true
  end
end

--: fit
if used + cost > limit then retry = stop - now end

--: charge
used = used + cost

--: status
remaining, reset = limit, 0
if used > 0 then remaining, reset = limit - at_most(used, limit), stop - now end

--: write
if stored == stop then
  value, offset = pack('<d', used), '1'
else
  value, offset, expires = pack('<Bdd', 70, used, stop), nil, stop
end

--: refund
if at + (window - (at + detail) % window) == stop then
  used, changed = used - at_most(cost, used), true
end

--: lendable
-- Until the window ends, and at most a tenth of it.
tokens = limit - at_most(used, limit)
life = at_most(at_most(div(window, 10), LONGEST_LEASE), stop - now)

--: lend
used = used + tokens
