--- How the server is started: its command, where a project begins, what Neovim tells it.
local M = {}

local compat = require('namewright.compat')
local notice = require('namewright.notice')
local options = require('namewright.options')

M.NAME = 'namewright'
--- What the server may ask of this client: a rename by another one.
M.RENAME_BY_CLIENT = 'namewright.renameByClient'

--- The words that run the program; with `--stdio` they start the server.
--- @return string[]
function M.program()
  local chosen = options.get()
  if chosen.cmd then
    local words = vim.deepcopy(chosen.cmd)
    if words[#words] == '--stdio' then
      table.remove(words)
    end
    return words
  end
  if chosen.python then
    -- -P: a folder called `server` in the working directory must not be taken for ours.
    return { vim.fn.expand(chosen.python), '-P', '-m', 'server' }
  end
  return { 'namewright' }
end

--- @return string[]
function M.command()
  local chosen = options.get()
  if chosen.cmd then
    return vim.deepcopy(chosen.cmd)
  end
  local words = M.program()
  table.insert(words, '--stdio')
  return words
end

--- Why the server cannot be started here, or nil.
--- @return string|nil
function M.problem()
  local program = M.command()[1]
  if compat.is_executable(program) then
    return nil
  end
  local chosen = options.get()
  local option = chosen.cmd and 'cmd' or chosen.python and 'python' or nil
  if option then
    return ('the option %s names %s, which does not run; :help namewright-options'):format(
      option,
      program
    )
  end
  return 'the program namewright is not on the PATH; install it with `uv tool install namewright`'
    .. ' or set the option python; :help namewright-install'
end

--- The folder of a buffer's project, or nil for a file on its own.
--- @return string|nil
function M.root(bufnr)
  local name = vim.api.nvim_buf_get_name(bufnr)
  if name == '' or name:match('^%w+://') then
    return nil
  end
  local folder = vim.fn.fnamemodify(name, ':p:h')
  while true do
    for _, marker in ipairs(options.get().root_markers) do
      if vim.loop.fs_stat(folder .. '/' .. marker) then
        return folder
      end
    end
    local above = vim.fn.fnamemodify(folder, ':h')
    if above == folder then
      return nil
    end
    folder = above
  end
end

--- Lua does not tell an empty object from an empty list; the server does.
local function settings()
  local chosen = options.get().settings
  return { [M.NAME] = next(chosen) and vim.deepcopy(chosen) or vim.empty_dict() }
end

local function capabilities()
  -- From 0.11 on they are added to the editor's own.
  local able = compat.has_enable and {} or vim.lsp.protocol.make_client_capabilities()
  able.experimental = { commands = { commands = { M.RENAME_BY_CLIENT } } }
  return able
end

local function start(dispatchers)
  return vim.lsp.rpc.start(M.command(), dispatchers)
end

local function attached(client, bufnr)
  local on_attach = options.get().on_attach
  if on_attach then
    on_attach(client, bufnr)
  end
end

--- The client's configuration; from 0.11 on also what vim.lsp.config has for us.
--- @return table
function M.config()
  return {
    name = M.NAME,
    -- A function: Neovim 0.11 leaves a program that is missing without a word.
    cmd = compat.has_enable and start or M.command(),
    filetypes = { 'python' },
    root_dir = function(bufnr, on_dir)
      local problem = M.problem()
      if problem then
        notice.warn_once(problem)
      else
        on_dir(M.root(bufnr))
      end
    end,
    capabilities = capabilities(),
    settings = settings(),
    -- The same at the start, so that the first answer knows them.
    init_options = settings(),
    on_attach = attached,
    handlers = {
      ['namewright/status'] = function(_, status, context)
        require('namewright.check').remember(context.client_id, status)
      end,
    },
    commands = {
      [M.RENAME_BY_CLIENT] = function(command, context)
        require('namewright.rename').by_client(command.arguments[1], context)
      end,
    },
  }
end

return M
