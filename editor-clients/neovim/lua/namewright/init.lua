--- Names for Python functions; :help namewright
local M = {}

--- Attach to Python files from now on, and to those that are open; `options` as in the help.
--- @param options table|nil
function M.setup(options)
  require('namewright.options').set(options)
  require('namewright.client').enable()
end

--- Names for the function around the cursor, in a list to choose from.
function M.suggest()
  require('namewright.suggest').run()
end

--- The functions whose names fit least, into the quickfix list.
--- @param paths string[]|nil files and folders; none: the whole workspace
function M.audit(paths)
  require('namewright.audit').run(paths or {})
end

--- One line on what runs and how it fares; :checkhealth namewright tells more.
function M.check()
  require('namewright.check').run()
end

--- Take back what still waits for an answer.
function M.cancel()
  require('namewright.client').cancel_all()
end

--- End the server and start it anew.
function M.restart()
  require('namewright.client').restart()
end

--- For a status line: 'embedded' while all is well, else with its state; '' without a server.
--- @return string
function M.status()
  return require('namewright.check').statusline()
end

return M
