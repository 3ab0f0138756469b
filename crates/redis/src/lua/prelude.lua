-- What every algorithm uses.
--
-- All numbers are whole and below 2^53, where Lua's doubles are exact; `a % b` is then exact as well, and
-- division goes through it. States are short binary strings: a letter that names their form, then
-- little-endian numbers. (Decimal text costs about 1 us more per decision to read and to print.)
--
-- An algorithm is a table of functions over an `ask`:
--
--   prepare(rule)     works out what follows from the rule and this moment alone, once per execution
--   open(ask, raw)    reads the state (false: there is none; a table: it can't be read), carried over to this
--                     moment and this limit; leaves in the ask what is to be written if that has changed it;
--                     true unless it is garbled
--   fit(ask)          how long until the cost fits: 0 is now
--   charge(ask)       charges a cost that fits: leaves in the ask what is to be written
--   refund(ask, at)   gives back a cost charged at that moment, or, of what was lent, the last moment of its life
--   lendable(ask)     how many tokens there are to lend, and for how long
--   lend(ask, tokens, last)   charges tokens that may be spent up to that moment: as charge
--   status(ask)       what remains, and how long until the limit is untouched again
--
-- A rule holds its algorithm and its three numbers (`limit`, `window`, `detail`); an ask holds its rule, its
-- key, its cost and what is to be written: `value` (nil: nothing, false: delete the key), and either `expires`,
-- the moment when it says nothing any more, or `offset`, where in the present value it is to be put: the key's
-- time to live is then left as it is, which is less than half the work of setting it.
-- Asks are used again for the next check, so `open` sets everything that the other functions read.
-- An algorithm is made when it is first asked for: to make all of them would take a quarter of the time of an
-- execution that decides one check.
-- Each algorithm's specification is its namesake in `drl-core`, src/algorithm.
local execute, format, type = redis.pcall, string.format, type
local pack, unpack_at = struct.pack, struct.unpack
local makers, algorithms = {}, {}
local LONGEST_LEASE, SHORTEST_LEASE = 250000, 1000

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

-- The quotient and the remainder of a * b / c for b below 2^27 and c up to 2^52: long division, bit by bit,
-- where the product would leave 53 bits.
local function mul_div(a, b, c)
  local high, rest = div(a, c), a % c
  local quotient, remainder, bit = 0, 0, 67108864
  while bit >= 1 do
    quotient, remainder = quotient * 2, remainder * 2
    if remainder >= c then quotient, remainder = quotient + 1, remainder - c end
    if b >= bit then
      b, remainder = b - bit, remainder + rest
      if remainder >= c then quotient, remainder = quotient + 1, remainder - c end
      quotient = quotient + high
    end
    bit = bit / 2
  end
  return quotient, remainder
end

local function algorithm(kind)
  local made = algorithms[kind]
  if not made then
    made = makers[kind]()
    algorithms[kind] = made
  end
  return made
end
