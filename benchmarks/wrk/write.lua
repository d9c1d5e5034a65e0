-- POSTs of a JSON body from a file, in which @@ is replaced by something new each time.
-- Arguments: path, file of the body, value of the Authorization header (may be left out).
local folder = debug.getinfo(1, "S").source:match("@(.*/)")
dofile(folder .. "result.lua")

local path, head, tail, run
local number = 0
local headers = { ["Content-Type"] = "application/json" }

local function content_of(name)
  local file = assert(io.open(name))
  local content = file:read("*a")
  file:close()
  return content
end

function init(args)
  path = args[1]
  local body = content_of(args[2])
  local from, to = body:find("@@", 1, true)
  if from then
    head, tail = body:sub(1, from - 1), body:sub(to + 1)
    run = content_of("/proc/sys/kernel/random/uuid"):sub(1, 8)
  else
    head = body
  end
  if args[3] then
    headers["Authorization"] = args[3]
  end
end

function request()
  number = number + 1
  local body = tail and (head .. run .. " " .. number .. tail) or head
  return wrk.format("POST", path, headers, body)
end
