-- The switch that makes HAProxy slow or failing: reads {"lb": {"delayMs": 300}} or {"lb": {"status": 503, "share": 0.5}}
-- from FAULT_FILE ten times a second, and lets requests wait or fail by it.
local file = os.getenv("FAULT_FILE")
local delay, share = 0, 0

core.register_task(function()
  while file do
    local handle = io.open(file, "r")
    local text = handle and handle:read("a") or ""
    if handle then handle:close() end
    local mine = text:match('"lb"%s*:%s*(%b{})') or ""
    delay = tonumber(mine:match('"delayMs"%s*:%s*([%d.]+)')) or 0
    share = mine:match('"status"') and (tonumber(mine:match('"share"%s*:%s*([%d.]+)')) or 1) or 0
    core.msleep(100)
  end
end)

core.register_action("fault", { "http-req" }, function(transaction)
  if delay > 0 then core.msleep(math.floor(delay * (0.9 + math.random() * 0.2))) end
  if share > 0 and math.random() < share then transaction:set_var("txn.fault", "1") end
end, 0)
