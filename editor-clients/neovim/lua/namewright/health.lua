--- :checkhealth namewright
local M = {}

local compat = require('namewright.compat')
local options = require('namewright.options')
local server = require('namewright.server')

local health = vim.health or require('health')
local start = health.start or health.report_start
local ok = health.ok or health.report_ok
local warn = health.warn or health.report_warn
local fail = health.error or health.report_error
local info = health.info or health.report_info

local STATUS_MS = 5000

function M.check()
  start('namewright.nvim ' .. require('namewright.version'))
  if vim.fn.has('nvim-0.7') == 1 then
    ok('Neovim 0.7 or newer')
  else
    fail('Neovim 0.7 or newer is needed')
  end
  if #options.complaints == 0 then
    ok('the options of setup() fit')
  end
  for _, complaint in ipairs(options.complaints) do
    warn(complaint, { ':help namewright-options' })
  end
  if M._check_program() then
    M._check_clients()
  end
end

--- The server's program: that it runs, its version, and what its own check says.
function M._check_program()
  local problem = server.problem()
  if problem then
    fail(problem)
    return false
  end
  local words = server.program()
  local version, failed = M._output(words, '--version')
  if failed then
    fail(('%s does not run: %s'):format(table.concat(words, ' '), version), {
      'Python 3.11 or newer with namewright installed is needed; :help namewright-install',
    })
    return false
  end
  ok(('%s: %s'):format(table.concat(words, ' '), version))
  local ours = require('namewright.version')
  local theirs = version:match('%d+%.%d+')
  if theirs and theirs ~= ours:match('%d+%.%d+') then
    warn(('plugin %s and server %s are of different versions'):format(ours, theirs))
  end
  local report, unable = M._output(words, 'check')
  if unable then
    fail(report)
  else
    -- Lines that begin with spaces go on with the line above.
    info((report:gsub('%s*\n%s+', ' '):gsub('%s*\n', '; '):gsub('%s%s+', ' ')))
  end
  return true
end

function M._output(words, argument)
  local command = vim.deepcopy(words)
  table.insert(command, argument)
  local text = vim.trim(vim.fn.system(command))
  return text ~= '' and text or 'it says nothing', vim.v.shell_error ~= 0
end

--- The running clients and how their predictor fares.
function M._check_clients()
  local clients = compat.clients(server.NAME)
  if #clients == 0 then
    info('the server is attached to no buffer; it starts with the first Python file')
  end
  for _, client in ipairs(clients) do
    local arguments = { 'namewright/status', vim.empty_dict(), STATUS_MS, 0 }
    if compat.has_enable then
      table.insert(arguments, 1, client)
    end
    local answer, problem = client.request_sync(unpack(arguments))
    local root = client.config.root_dir or 'a file on its own'
    if answer and answer.result then
      local text = require('namewright.check').describe(answer.result)
      local say = answer.result.state == 'failed' and fail or ok
      say(('client %d, %s: %s'):format(client.id, root, text))
    else
      local why = answer and answer.err and answer.err.message or problem or 'no answer'
      fail(('client %d, %s: %s'):format(client.id, root, why), { ':Namewright restart' })
    end
  end
end

return M
