-- What every algorithm uses.
--
-- All numbers are whole and below 2^53, where Lua's doubles are exact; `a % b` is then exact as well, and
-- division goes through it. States are short binary strings: a letter that names their form, then
-- little-endian numbers. (Decimal text costs about 1 us more per decision to read and to print.)
--
-- An algorithm is a table of functions over an `ask`:
--
--   open(ask, raw)    reads the state (false: there is none) as seen now; true unless it is garbled
--   fit(ask)          how long until the cost fits: 0 is now
--   charge(ask)       charges a cost that fits: sets ask.value and ask.expires, what is to be written
--   refund(ask, at)   gives back a cost charged at that moment; no ask.value: nothing to write,
--                     false: nothing is left, delete the key
--   status(ask)       what remains, and how long until the limit is untouched again
--
-- and an ask holds its key, cost and the three numbers of its rule: `limit`, `window` and `detail`.
-- Each algorithm's specification is its namesake in `drl-core`, src/algorithm.
local pack, unpack_at = struct.pack, struct.unpack
local algorithms = {}

local function div(a, b)
  return (a - a % b) / b
end

local function div_ceil(a, b)
  return (a + -a % b) / b
end

local function at_most(a, b)
  if a < b then return a end
  return b
end
