-- Decides a batch of checks that take, take up to, or peek, each of them one counter, and all under one algorithm.
--
-- KEYS     the counters, one of each check
-- ARGV[1]  little-endian: a number that names this call, the number of groups; then for each group of checks
--          that differ only in their keys the mode, whether these counters were named before (a byte each), the kind
--          of the algorithm (a byte), limit, window and detail, the cost, and the number of checks (four bytes)
-- Reply    see ends.lua
--> state

local request = ARGV[1]
local call, groups, position = unpack_at('<dd', request)
local reply, length, texts, last_key = { call, now, 0, 0, 0, 0 }, 2, {}, 0

-- All at once, since a call costs more than what it does. Where that finds nothing, the counter may hold what
-- is none of ours, and one that was named before has been written since.
local raws = {}
if #KEYS > 1 then raws = execute('MGET', unpack(KEYS)) end

for _ = 1, groups do
  local mode, again, wanted, count
  mode, again, kind, limit, window, detail, wanted, count, position = unpack_at('<BBBddddI4', request, position)
  local first_key = last_key + 1
  last_key = last_key + count
  --> rule
  for index = first_key, last_key do
    key = KEYS[index]
    raw = again == 0 and raws[index] or execute('GET', key)
    cost, garbled, changed, retry, delay = wanted, false, false, 0, 0
    --> read
    local failure
    local granted = DENIED
    if garbled then
      failure = type(raw) == 'table' and raw.err or FOREIGN
    else
      if mode == TAKE_UP_TO and cost > 0 then
        -- Asking for at least 1 turns "nothing to be had" into a denial that knows its retry.
        --> status
        if remaining < 1 then remaining = 1 end
        cost = at_most(cost, remaining)
      end
      if cost > limit then
        retry = NEVER
      elseif cost > 0 then
        --> fit
      end
      if retry == 0 then
        granted = 0
        if cost > 0 and mode ~= PEEK then
          granted, changed = cost, true
          --> charge
        end
      end
      -- A denial or a peek has nothing to write, unless a state had to be carried over: left as it was, it
      -- would deny until a clock that has stepped back has caught up.
      if changed then
        --> write
        --> commit
      end
    end
    if failure then
      length = length + 1
      reply[length] = FAILED
      texts[#texts + 1] = failure
    else
      --> status
      reply[length + 1], reply[length + 2], reply[length + 3] = granted, remaining, reset
      reply[length + 4] = retry == 0 and delay or retry
      length = length + 4
    end
  end
end
--> answer
