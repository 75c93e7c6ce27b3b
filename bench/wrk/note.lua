-- Reads notes at random.
request = function()
  return wrk.format("GET", "/notes/" .. math.random(1, 1000))
end
