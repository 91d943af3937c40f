-- Each request closes another return request; the list is used up once.
local lines, at = {}, 0
for line in io.lines(os.getenv("BENCH_CLOSINGS")) do lines[#lines + 1] = line end

request = function()
  at = at + 1
  if at > #lines then wrk.thread:stop() at = 1 end
  local path, cookie, body = lines[at]:match("(%S+)\t([^\t]+)\t(%S+)")
  return wrk.format("POST", path, {
    ["Cookie"] = cookie, ["Content-Type"] = "application/x-www-form-urlencoded" }, body)
end
