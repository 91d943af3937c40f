-- Each request asks for another address of the same page: no row that was drawn for one serves the next.
local asked = 0
request = function()
  asked = asked + 1
  return wrk.format(nil, wrk.path .. "?n=" .. asked)
end
