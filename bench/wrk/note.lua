-- Reads notes at random.
request = function()
  return wrk.format("GET", wrk.path .. math.random(1, 1000))
end
