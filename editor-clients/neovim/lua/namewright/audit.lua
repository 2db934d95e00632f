--- :Namewright audit: the functions whose names fit least, in the quickfix list, worst first.
local M = {}

local client = require('namewright.client')
local notice = require('namewright.notice')
local percent = require('namewright.percent')
local rename = require('namewright.rename')

--- @param paths string[] files and folders; none: the whole workspace
function M.run(paths)
  local argument = vim.empty_dict()
  if #paths > 0 then
    local uris = {}
    for _, path in ipairs(paths) do
      local full = vim.fn.fnamemodify(vim.fn.expand(path), ':p')
      if not vim.loop.fs_stat(full) then
        return notice.warn(('%s does not exist'):format(path))
      end
      table.insert(uris, vim.uri_from_fname((full:gsub('(.)/$', '%1'))))
    end
    argument = { uris = uris }
  end
  client.with(M._buffer(), function(running)
    notice.info('auditing names…')
    client.execute(running, 'namewright.audit', argument, function(answer)
      M._show(running, answer)
    end)
  end)
end

--- The present buffer, or where that is none of Python's, one that has the server.
function M._buffer()
  local present = vim.api.nvim_get_current_buf()
  for _, bufnr in ipairs({ present, unpack(client.buffers()) }) do
    if client.of(bufnr) then
      return bufnr
    end
  end
  return present
end

function M._show(running, answer)
  local items = {}
  for _, misfit in ipairs(answer.functions) do
    local better = {}
    for _, one in ipairs(misfit.suggestions) do
      table.insert(better, ('%s (%s)'):format(one.name, percent(one.probability)))
    end
    local text = ('%s → %s'):format(misfit.name, table.concat(better, ', '))
    table.insert(items, rename.quickfix_item(misfit, running.offset_encoding, text))
  end
  vim.fn.setqflist({}, ' ', { title = 'Namewright: names that fit least', items = items })
  local text = ('%d of %d functions could have a better name'):format(#items, answer.checked)
  notice.info(text)
  if #items > 0 then
    vim.cmd('botright copen')
  end
end

return M
