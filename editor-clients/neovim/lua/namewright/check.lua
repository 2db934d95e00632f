--- :Namewright check: one line on what runs and how it fares.
local M = {}

local client = require('namewright.client')
local compat = require('namewright.compat')
local notice = require('namewright.notice')
local server = require('namewright.server')

-- The last status of each client, as the server tells it.
local told = {}

--- Take what the server tells of itself.
function M.remember(client_id, status)
  told[client_id] = status
end

--- Ask the server and tell.
function M.run()
  client.with(vim.api.nvim_get_current_buf(), function(running)
    compat.request(running, 'namewright/status', vim.empty_dict(), function(problem, status)
      if problem then
        return notice.warn(problem.message or tostring(problem))
      end
      M.remember(running.id, status)
      local text = M.describe(status)
      return status.state == 'failed' and notice.warn(text) or notice.info(text)
    end)
  end)
end

--- A status in words: "embedded is ready, last answer in 140 ms".
function M.describe(status)
  local text = ('%s is %s'):format(status.predictor, status.state)
  if type(status.latencyMs) == 'number' then
    text = ('%s, last answer in %d ms'):format(text, math.floor(status.latencyMs + 0.5))
  end
  if type(status.message) == 'string' and status.message ~= '' then
    text = ('%s: %s'):format(text, status.message)
  end
  return text
end

--- For a status line.
function M.statusline()
  local running = compat.clients(server.NAME)[1]
  local status = running and told[running.id]
  if not status then
    return ''
  end
  local quiet = status.state == 'ready' or status.state == 'unloaded'
  return quiet and status.predictor or ('%s: %s'):format(status.predictor, status.state)
end

return M
