-- Whose time it is: the server's, in microseconds since the epoch (51 of the 53 bits of a Lua number).
-- Read once per execution, so that all checks of a batch see the same moment. A part of its own, because
-- tests put another clock in its place.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
