-- What every script starts with.
--
-- All numbers are whole and below 2^53, where Lua's doubles are exact; `a % b` is then exact as well, and
-- division goes through it. States are short binary strings: a letter that names their form, then
-- little-endian numbers. (Decimal text costs about 1 us more per decision to read and to print.)
--
-- A script has one counter in hand at a time, in the locals below. What is done with it is written once, in
-- the pieces of its algorithm: straight code over these locals. Where a script decides for one algorithm
-- only (quick.lua) the pieces stand in its text, since to make functions and tables would take most of the
-- time of an execution that decides one check; where it decides for all of them (whole.lua) each is a function.
-- What a piece reads and what it leaves behind:
--
--   state     declares the algorithm's own locals
--   rule      works out what follows from the limit and this moment alone
--   read      the state from `raw` (false: there is none), carried over to this moment and this limit:
--             `garbled`, `changed` if it is to be written for that alone, and `delay`
--   fit       `retry`: how long until the cost, which is at most the limit, fits; stays 0 if that is now
--   charge    charges a cost that fits
--   status    `remaining`, and `reset`: how long until the limit is untouched again
--   write     `value` (false: delete the key), and either `expires`, the moment when it says nothing any more, or
--             `offset`, where in the present value it is to be put: the key's time to live is then left as
--             it is, which is less than half the work of setting it
--   refund    gives back a cost charged at the moment `at`, or, of what was lent, the last moment of its
--             life; `changed`
--   lendable  `tokens` there are to lend, and for how long: `life`
--   lend      charges `tokens` that may be spent up to the moment `at`
--
-- Each algorithm's specification is its namesake in `drl-core`, src/algorithm.
local execute, format, type, byte = redis.pcall, string.format, type, string.byte
local pack, unpack_at = struct.pack, struct.unpack
local TAKE_UP_TO, LEASE, PEEK, REFUND, RESET = 1, 2, 3, 4, 6 -- modes; 0 takes, 5 returns what was lent
local QUEUE = 5 -- the kind of a bucket that is a queue
local LONGEST_LEASE, SHORTEST_LEASE = 250000, 1000
local NEVER, DENIED, FAILED = -1, -1, -2
local GRACE = 1000000 -- a counter outlives its meaning by a second
local FOREIGN = 'WRONGTYPE a key of the limiter holds a value of another kind'

local kind, limit, window, detail, key, raw, cost, at
local garbled, changed, retry, delay, remaining, reset
local value, offset, expires, tokens, life

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
