--- :Namewright suggest: the names that a function could have, in the editor's own picker.
local M = {}

local client = require('namewright.client')
local notice = require('namewright.notice')
local percent = require('namewright.percent')
local rename = require('namewright.rename')

local NAMES = 'namewright.names'
-- Who waits longer than this is told what for.
local SLOW_MS = 700

--- Ask for names for the function around the cursor, let the person choose, rename.
function M.run()
  local bufnr, window = vim.api.nvim_get_current_buf(), vim.api.nvim_get_current_win()
  client.with(bufnr, function(running)
    if not vim.api.nvim_win_is_valid(window) or vim.api.nvim_win_get_buf(window) ~= bufnr then
      return
    end
    local place = vim.lsp.util.make_position_params(window, running.offset_encoding)
    local argument = { uri = place.textDocument.uri, position = place.position }
    client.execute(running, NAMES, argument, function(answer)
      M._choose(running, bufnr, argument.uri, answer)
    end)
    M._wait(bufnr)
  end)
end

--- A list that opens while a person types or reads elsewhere would take their keys: who goes on
--- with something else takes the question back.
function M._wait(bufnr)
  local group = vim.api.nvim_create_augroup('namewright_waiting', {})
  local asked_at = vim.api.nvim_buf_get_changedtick(bufnr)
  vim.api.nvim_create_autocmd({ 'BufLeave', 'InsertEnter', 'TextChanged' }, {
    group = group,
    buffer = bufnr,
    callback = function(event)
      -- The change may be of before the question; its event comes late.
      if event.event ~= 'TextChanged' or vim.api.nvim_buf_get_changedtick(bufnr) ~= asked_at then
        vim.api.nvim_clear_autocmds({ group = group })
        client.cancel(NAMES)
      end
    end,
  })
  vim.defer_fn(function()
    if client.waits(NAMES) then
      vim.api.nvim_echo({ { 'Namewright: looking for names… (:Namewright cancel)' } }, false, {})
    end
  end, SLOW_MS)
end

function M._choose(running, bufnr, uri, answer)
  vim.api.nvim_create_augroup('namewright_waiting', {}) -- empties it
  local name = answer['function']
  if #answer.names == 0 then
    local best = ('%s is already the best name'):format(name)
    return notice.info(answer.presentIsBest and best or ('no name better than %s'):format(name))
  end
  local asked_at = vim.api.nvim_buf_get_changedtick(bufnr)
  vim.ui.select(answer.names, {
    prompt = ('Rename %s to:'):format(name),
    kind = 'namewright',
    format_item = function(one)
      return ('%s (%s)'):format(one.name, percent(one.probability))
    end,
  }, function(chosen)
    if not chosen then
      return
    end
    if vim.api.nvim_buf_get_changedtick(bufnr) ~= asked_at then
      return notice.warn('the text changed meanwhile; ask for names again')
    end
    rename.to(running, { uri = uri, position = answer.range.start, newName = chosen.name }, name)
  end)
end

return M
