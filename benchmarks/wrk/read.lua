-- GETs of random lines of a file of targets. The same seed each time: every variant is asked the same.
local folder = debug.getinfo(1, "S").source:match("@(.*/)")
dofile(folder .. "result.lua")

local requests = {}

function init(args)
  math.randomseed(42)
  for target in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", target)
  end
end

function request()
  return requests[math.random(#requests)]
end
