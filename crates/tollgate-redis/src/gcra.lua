-- Counts a request against a quota, as the counters of one process do; all in microseconds.
-- KEYS[1]: who. ARGV: the time in which one request comes back, and the window. Answers how long it takes until all of the
-- quota is there again; beyond the window, the request was not counted.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local whole_at = tonumber(redis.call('GET', KEYS[1]) or now)
-- A clock that was set back would make everybody wait for as long: nobody waits for more than a window.
local next_at = math.min(math.max(whole_at, now), now + window) + interval
if next_at - now <= window then
    redis.call('SET', KEYS[1], string.format('%.0f', next_at), 'PX', math.ceil((next_at - now) / 1000))
end
return math.ceil(next_at - now)
