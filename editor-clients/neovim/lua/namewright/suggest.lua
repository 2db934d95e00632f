--- :Namewright suggest: the names that a function could have, in the editor's own picker.
local M = {}

local client = require('namewright.client')
local notice = require('namewright.notice')
local percent = require('namewright.percent')
local rename = require('namewright.rename')

--- Ask for names for the function around the cursor, let the person choose, rename.
function M.run()
  local bufnr, window = vim.api.nvim_get_current_buf(), vim.api.nvim_get_current_win()
  client.with(bufnr, function(running)
    if not vim.api.nvim_win_is_valid(window) or vim.api.nvim_win_get_buf(window) ~= bufnr then
      return
    end
    local place = vim.lsp.util.make_position_params(window, running.offset_encoding)
    local argument = { uri = place.textDocument.uri, position = place.position }
    client.execute(running, 'namewright.names', argument, function(answer)
      M._choose(running, bufnr, argument.uri, answer)
    end)
  end)
end

function M._choose(running, bufnr, uri, answer)
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
