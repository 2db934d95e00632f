--- The connection to the server: attached to Python buffers, found when it is needed, restarted.
local M = {}

local compat = require('namewright.compat')
local notice = require('namewright.notice')
local server = require('namewright.server')

local POLL_MS = 50
local START_MS = 60000
-- A server that does not leave when it is asked to is ended after this long.
local LEAVE_MS = 3000
-- Of each kind of question only the last one counts: its predecessor is cancelled.
local asked = {}
local enabled = false

--- Attach to Python buffers, those of today and those to come.
function M.enable()
  if compat.has_enable then
    -- From the file lsp/namewright.lua the same would come; this one knows the options of setup().
    vim.lsp.config(server.NAME, server.config())
    vim.lsp.enable(server.NAME)
    return
  end
  if not enabled then
    enabled = true
    vim.api.nvim_create_autocmd('FileType', {
      group = vim.api.nvim_create_augroup('namewright', {}),
      pattern = 'python',
      callback = function(event)
        M.start(event.buf)
      end,
    })
  end
  for _, bufnr in ipairs(M.buffers()) do
    M.start(bufnr)
  end
end

--- The loaded buffers that the server could be attached to.
--- @return integer[]
function M.buffers()
  return vim.tbl_filter(function(bufnr)
    return vim.api.nvim_buf_is_loaded(bufnr)
      and vim.api.nvim_buf_get_option(bufnr, 'filetype') == 'python'
      and vim.api.nvim_buf_get_option(bufnr, 'buftype') == ''
  end, vim.api.nvim_list_bufs())
end

--- Start the server for a buffer, or attach the one that its project has already.
--- @return integer|nil client_id
function M.start(bufnr)
  local config = server.config()
  if compat.has_enable then
    config = vim.deepcopy(vim.lsp.config[server.NAME] or config)
  end
  local client_id
  local function start_in(root)
    config.root_dir = root
    if vim.lsp.start then
      client_id = vim.lsp.start(config, { bufnr = bufnr })
    else
      client_id = M._start_by_hand(config, bufnr)
    end
  end
  if type(config.root_dir) == 'function' then
    -- Ours checks that there is a server, says so where there is none, and finds the root.
    config.root_dir(bufnr, start_in)
  else
    start_in(config.root_dir)
  end
  return client_id
end

local by_root = {}

--- Neovim 0.7 starts clients, but does not keep one for each project.
function M._start_by_hand(config, bufnr)
  local key = config.root_dir or ''
  local id = by_root[key]
  if not (id and vim.lsp.get_client_by_id(id)) then
    id = vim.lsp.start_client(config)
    by_root[key] = id
  end
  if id then
    vim.lsp.buf_attach_client(bufnr, id)
  end
  return id
end

--- The client of a buffer, if it is ready.
function M.of(bufnr)
  return compat.clients(server.NAME, bufnr)[1]
end

--- Call `use` with the client of a buffer; starts the server where it does not run.
function M.with(bufnr, use)
  local client = M.of(bufnr)
  if client then
    return use(client)
  end
  local problem = server.problem()
  if problem then
    return notice.warn(problem)
  end
  if vim.api.nvim_buf_get_option(bufnr, 'filetype') ~= 'python' then
    return notice.warn('this is not a Python file')
  end
  local id = M.start(bufnr)
  if id then
    M._when_ready(id, bufnr, use, 0)
  end
end

function M._when_ready(id, bufnr, use, waited)
  local client = M.of(bufnr)
  if client and client.id == id then
    return use(client)
  end
  if not vim.lsp.get_client_by_id(id) then
    return notice.warn('the server ended at its start; :checkhealth namewright says why')
  end
  if waited >= START_MS then
    return notice.warn('the server does not answer; :Namewright restart')
  end
  vim.defer_fn(function()
    M._when_ready(id, bufnr, use, waited + POLL_MS)
  end, POLL_MS)
end

--- Run one of the server's commands; a question of the same kind that still waits is cancelled.
--- @param command string
--- @param argument table
--- @param answered function called with the result; errors are told
function M.execute(client, command, argument, answered)
  M.cancel(command)
  local mine = {}
  local params = { command = command, arguments = { argument } }
  asked[command] = mine
  mine.client = client
  mine.id = compat.request(client, 'workspace/executeCommand', params, function(problem, result)
    if asked[command] ~= mine then
      return -- superseded
    end
    asked[command] = nil
    if problem then
      notice.warn(problem.message or tostring(problem))
    elseif result ~= nil then
      answered(result)
    end
  end, vim.api.nvim_get_current_buf())
  if not mine.id then
    asked[command] = nil
    notice.warn('the server is gone; :Namewright restart')
  end
end

--- Take back the question that still waits for its answer.
--- @return boolean whether one did
function M.cancel(command)
  local before = asked[command]
  asked[command] = nil
  if before and before.id and vim.lsp.get_client_by_id(before.client.id) then
    compat.cancel(before.client, before.id)
  end
  return before ~= nil
end

--- Take back every question that still waits.
function M.cancel_all()
  local any = false
  for _, command in ipairs(vim.tbl_keys(asked)) do
    any = M.cancel(command) or any
  end
  notice.info(any and 'cancelled' or 'nothing waits for an answer')
end

--- Whether a question of this kind still waits.
function M.waits(command)
  return asked[command] ~= nil
end

--- End the server where it runs, and start it for every Python buffer.
function M.restart()
  local problem = server.problem()
  if problem then
    return notice.warn(problem)
  end
  local leaving = compat.clients(server.NAME)
  local buffers = M.buffers()
  for _, client in ipairs(leaving) do
    compat.stop(client)
  end
  M._when_gone(leaving, 0, function()
    for _, bufnr in ipairs(buffers) do
      if vim.api.nvim_buf_is_loaded(bufnr) then
        M.start(bufnr)
      end
    end
    if #buffers == 0 then
      notice.info('no Python file is open; the server starts with the first')
      return
    end
    M.with(buffers[1], function()
      notice.info('the server runs')
    end)
  end)
end

function M._when_gone(clients, waited, go_on)
  local left = vim.tbl_filter(function(client)
    return vim.lsp.get_client_by_id(client.id) ~= nil
  end, clients)
  if #left == 0 or waited >= 2 * LEAVE_MS then
    return go_on()
  end
  if waited >= LEAVE_MS then
    for _, client in ipairs(left) do
      compat.stop(client, true)
    end
  end
  vim.defer_fn(function()
    M._when_gone(left, waited + POLL_MS, go_on)
  end, POLL_MS)
end

return M
