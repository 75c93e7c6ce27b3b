-- Reads films at random.
request = function()
  return wrk.format("GET", "/movies/" .. math.random(1, 10000))
end
