-- Fixed window: at most `limit` in each aligned window; `detail` is the phase.
-- State: 'F', the window's end, what is used of it.
local fixed_window = {}
algorithms[1] = fixed_window

local function fixed_window_write(ask)
  ask.value = pack('<c1dd', 'F', ask.stop, ask.used)
  ask.expires = ask.stop
end

function fixed_window.open(ask, raw)
  local window = ask.window
  local stop = now + (window - (now + ask.detail) % window)
  ask.stop, ask.used = stop, 0
  if raw then
    if #raw ~= 17 or raw:byte() ~= 70 then return false end
    local stored, used = unpack_at('<dd', raw, 2)
    if stored >= stop then ask.used = used end
    -- A later end was written before the clock stepped back: it counts for this window, and no longer.
    if stored > stop then fixed_window_write(ask) end
  end
  return true
end

function fixed_window.fit(ask)
  if ask.used + ask.cost <= ask.limit then return 0 end
  return ask.stop - now
end

function fixed_window.charge(ask)
  ask.used = ask.used + ask.cost
  fixed_window_write(ask)
end

function fixed_window.refund(ask, at)
  local window = ask.window
  if at + (window - (at + ask.detail) % window) ~= ask.stop then return end
  ask.used = ask.used - at_most(ask.cost, ask.used)
  fixed_window_write(ask)
end

function fixed_window.status(ask)
  if ask.used == 0 then return ask.limit, 0 end
  return ask.limit - at_most(ask.used, ask.limit), ask.stop - now
end
