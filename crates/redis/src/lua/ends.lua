-- What the scripts do alike with a counter that is to be written, and with what they have found out.

--: commit
-- Writes the counter, or says in `failure` what went wrong.
local answer
if value == false then
  answer = execute('DEL', key)
elseif offset then
  answer = execute('SETRANGE', key, offset, value)
else
  -- As text: a number would be printed with 17 digits.
  answer = execute('SET', key, value, 'PX', format('%d', (expires - now + GRACE + 999) / 1000))
end
if type(answer) == 'table' and answer.err then failure = answer.err end

--: answer
-- A string of little-endian doubles: the number that names the call, the store's time; then for each check
-- what was granted (-1: denied); if it borrowed and was not denied, what was lent and for how long; and for
-- each ask what remains, the time until it is untouched again, and its delay or, where the check was denied,
-- its retry (-1: never). A check that failed is a -2 and nothing more: nothing of it was written. Where there
-- are such, their error texts follow the string in a list.
local PIECE = 4000 -- as many numbers as a Lua stack holds with ease
local numbers = ''
for from = 1, length, PIECE do
  local to = at_most(from + PIECE - 1, length)
  numbers = numbers .. pack('<' .. ('d'):rep(to - from + 1), unpack(reply, from, to))
end
if #texts == 0 then return numbers end
return { numbers, unpack(texts) }
