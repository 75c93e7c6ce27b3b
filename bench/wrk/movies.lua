-- Reads films at random.
request = function()
  return wrk.format("GET", wrk.path .. math.random(1, 10000))
end
