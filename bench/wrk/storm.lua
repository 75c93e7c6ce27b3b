-- Comes with another token each time.
local tokens = {}
for line in io.lines(os.getenv("BENCH_TOKENS")) do
  tokens[#tokens + 1] = "Bearer " .. line
end
local turn = 0
request = function()
  turn = turn % #tokens + 1
  wrk.headers["Authorization"] = tokens[turn]
  return wrk.format("GET")
end
