--- Renames by the server's plan, or hands the name to another client (rename.engine = 'client').
local M = {}

local client = require('namewright.client')
local compat = require('namewright.compat')
local notice = require('namewright.notice')
local options = require('namewright.options')
local server = require('namewright.server')

--- A setting of the server about renames, nested or dotted; nil where nobody set it.
function M._setting(running, key)
  local settings = (running.config.settings or {})[server.NAME] or {}
  local nested = type(settings.rename) == 'table' and settings.rename[key] or nil
  return nested or settings['rename.' .. key]
end

--- Rename the function at a place.
--- @param place table { uri, position, newName }
--- @param name string what it is called now
function M.to(running, place, name)
  if M._setting(running, 'engine') == 'client' then
    return M.by_client(place, { client_id = running.id })
  end
  M._plan(running, place, false, function(plan)
    local doubts = M._doubts(plan)
    if #doubts == 0 or M._setting(running, 'doubtful') == 'skip' then
      return M._apply(running, plan, name, place.newName)
    end
    M._ask(plan, doubts, place.newName, function(everything)
      if not everything then
        return M._apply(running, plan, name, place.newName)
      end
      M._plan(running, place, true, function(whole)
        M._apply(running, whole, name, place.newName)
      end)
    end)
  end)
end

--- What a rename would change; with `confirm` the doubtful places too.
function M._plan(running, place, confirm, planned)
  local argument = vim.tbl_extend('error', place, { apply = false, confirm = confirm })
  client.execute(running, 'namewright.rename', argument, function(plan)
    if type(plan.edit) ~= 'table' then
      return notice.warn(('nothing is to be renamed to %s'):format(place.newName))
    end
    planned(plan)
  end)
end

--- What a person should look at before the rename is kept.
function M._doubts(plan)
  return vim.tbl_filter(function(finding)
    return finding.severity == 'confirm'
  end, plan.findings or {})
end

--- Neovim shows no doubtful edits in a preview, so it is asked about them in a list.
function M._ask(plan, doubts, new_name, answered)
  local choices = {
    { everything = false, title = 'Rename what is certain: ' .. M._extent(plan.edit) },
    { everything = true, title = 'Rename the doubtful places too' },
  }
  vim.ui.select(choices, {
    prompt = ('%d to check (%s). Rename to %s?'):format(#doubts, doubts[1].reason, new_name),
    kind = 'namewright',
    format_item = function(choice)
      return choice.title
    end,
  }, function(choice)
    if choice then
      answered(choice.everything)
    end
  end)
end

function M._apply(running, plan, name, new_name)
  vim.lsp.util.apply_workspace_edit(plan.edit, running.offset_encoding)
  M._report(running, plan, name, new_name)
end

--- Have another client of the buffer rename; `place` is in the positions of our server.
--- @param place table { uri, position, newName }
--- @param context table { client_id }
function M.by_client(place, context)
  local bufnr = vim.uri_to_bufnr(place.uri)
  local other = M._renamer(bufnr)
  if not other then
    local wanted = options.get().rename_client
    return notice.warn(
      (wanted and ('no client %s renames here'):format(wanted) or 'no other client renames here')
        .. '; start one, or set rename.engine to namewright'
    )
  end
  local params = {
    textDocument = { uri = place.uri },
    position = M._position_for(other, context.client_id, bufnr, place.position),
    newName = place.newName,
  }
  compat.request(other, 'textDocument/rename', params, function(problem, edit)
    if problem then
      notice.warn(('%s: %s'):format(other.name, problem.message or tostring(problem)))
    elseif type(edit) == 'table' then
      vim.lsp.util.apply_workspace_edit(edit, other.offset_encoding)
    else
      notice.warn(('%s found nothing to rename here'):format(other.name))
    end
  end, bufnr)
end

function M._renamer(bufnr)
  local wanted = options.get().rename_client or nil
  for _, other in ipairs(compat.clients(wanted, bufnr)) do
    if other.name ~= server.NAME and compat.renames(other) then
      return other
    end
  end
end

--- Two servers may count the characters of a line differently.
function M._position_for(other, client_id, bufnr, position)
  local ours = vim.lsp.get_client_by_id(client_id)
  local encoding = ours and ours.offset_encoding or 'utf-16'
  if encoding == other.offset_encoding then
    return position
  end
  local line = vim.api.nvim_buf_get_lines(bufnr, position.line, position.line + 1, false)[1] or ''
  local byte = compat.byte_of(line, position.character, encoding)
  return {
    line = position.line,
    character = compat.character_of(line, byte, other.offset_encoding),
  }
end

--- Say what was done, and put what a person should judge into the quickfix list.
function M._report(running, plan, name, new_name)
  local text = ('%s is now %s: %s'):format(name, new_name, M._extent(plan.edit))
  if M._files(plan.edit) > 1 then
    text = text .. '; :wall writes them'
  end
  local doubts = M._doubts(plan)
  if #doubts == 0 then
    return notice.info(text)
  end
  local items = {}
  for _, finding in ipairs(doubts) do
    table.insert(items, M.quickfix_item(finding, running.offset_encoding, finding.reason))
  end
  vim.fn.setqflist({}, ' ', { title = 'Namewright: ' .. new_name .. ', to check', items = items })
  notice.warn(('%s; %d to check, see :copen'):format(text, #items))
end

--- A place of the server as an entry of the quickfix list.
function M.quickfix_item(place, encoding, text)
  local locations = { { uri = place.uri, range = place.range } }
  local item = vim.lsp.util.locations_to_items(locations, encoding)[1]
  return { filename = item.filename, lnum = item.lnum, col = item.col, text = text }
end

--- "5 places in 3 files"
function M._extent(edit)
  local files, places = M._files(edit)
  local function counted(number, noun)
    return ('%d %s%s'):format(number, noun, number == 1 and '' or 's')
  end
  return counted(places, 'place') .. ' in ' .. counted(files, 'file')
end

--- How many files and places an edit changes.
function M._files(edit)
  local files, places = 0, 0
  for _, edits in pairs(edit.changes or {}) do
    files, places = files + 1, places + #edits
  end
  for _, change in ipairs(edit.documentChanges or {}) do
    files, places = files + 1, places + #(change.edits or {})
  end
  return files, places
end

return M
