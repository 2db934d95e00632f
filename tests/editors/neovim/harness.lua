-- What the scenarios are written with; each runs in a fresh headless Neovim with the plugin.
local T = { notices = {}, lists = {}, chosen = nil, python = vim.env.NAMEWRIGHT_PYTHON }
_G.T = T

vim.notify = function(text)
  table.insert(T.notices, text)
end

--- Answer every list with its n-th item; 0 leaves it.
function T.choose(n)
  T.chosen = n
  vim.ui.select = function(items, options, done)
    local titles = vim.tbl_map(options.format_item or tostring, items)
    table.insert(T.lists, { prompt = options.prompt, titles = titles, at = vim.loop.hrtime() })
    done(items[T.chosen], items[T.chosen] and T.chosen or nil)
  end
end

function T.wait(what, condition)
  if not vim.wait(90000, condition, 5) then
    error(('waited in vain for %s; said: %s'):format(what, vim.inspect(T.notices)), 2)
  end
end

function T.wait_for_notice(part)
  T.wait('the notice ' .. part, function()
    return T.said(part) > 0
  end)
end

--- How often something was said, by the plugin or by Neovim itself.
function T.said(part)
  local all = table.concat(T.notices, '\n') .. '\n' .. vim.fn.execute('messages')
  return select(2, all:gsub(vim.pesc(part), ''))
end

--- The clients of this server that are ready.
function T.clients(bufnr)
  return require('namewright.compat').clients('namewright', bufnr)
end

function T.open(path, line, column)
  vim.cmd('edit ' .. vim.fn.fnameescape(path))
  vim.fn.cursor(line or 1, column or 1)
end

function T.wait_for_server()
  T.wait('the server', function()
    return T.clients(0)[1] ~= nil
  end)
end

--- Ask for names at the cursor and wait for the list, and where one is chosen for the rename.
function T.suggest()
  local lists, notices = #T.lists, #T.notices
  vim.cmd('Namewright suggest')
  T.wait('the list of names', function()
    return #T.lists > lists
  end)
  if T.chosen ~= 0 then
    T.wait('the rename', function()
      return #T.notices > notices
    end)
  end
  return T.lists[#T.lists]
end

--- The text of a file as the editor has it.
function T.text(path)
  return vim.api.nvim_buf_get_lines(vim.fn.bufadd(path), 0, -1, false)
end

--- What the client tells the server from now on: the names of the messages.
function T.sent_to_server()
  local told, rpc = {}, T.clients()[1].rpc
  local notify = rpc.notify
  rpc.notify = function(method, ...)
    table.insert(told, method)
    return notify(method, ...)
  end
  return told
end

--- The server's processes that this editor started.
function T.kill_servers()
  for _, pid in ipairs(vim.api.nvim_get_proc_children(vim.fn.getpid())) do
    vim.loop.kill(pid, 'sigkill')
  end
  T.wait('the server to be gone', function()
    return #T.clients() == 0
  end)
end

vim.cmd('filetype on')
vim.cmd('packadd namewright.nvim')
-- Later, as if a person did it: the editor has started altogether.
vim.defer_fn(function()
  local ran, result = xpcall(dofile, debug.traceback, vim.env.SCENARIO)
  local answer = ran and { value = result or vim.empty_dict() } or { error = tostring(result) }
  vim.fn.writefile({ vim.json.encode(answer) }, vim.env.ANSWER)
  vim.cmd('qall!')
end, 0)
