--- :Namewright and its completion.
local M = {}

local SUBCOMMANDS = { 'audit', 'cancel', 'check', 'restart', 'suggest' }

--- @param words string[]
function M.run(words)
  local name = words[1] or 'suggest'
  local rest = { unpack(words, 2) }
  if not vim.tbl_contains(SUBCOMMANDS, name) or (#rest > 0 and name ~= 'audit') then
    local known = table.concat(SUBCOMMANDS, '|')
    return require('namewright.notice').warn(
      (':Namewright %s; see :help :Namewright'):format(known)
    )
  end
  require('namewright')[name](name == 'audit' and rest or nil)
end

--- The subcommands, and paths for an audit.
function M.complete(lead, line)
  local before = vim.split(line:sub(1, #line - #lead), '%s+', { trimempty = true })
  if #before <= 1 then
    return vim.tbl_filter(function(name)
      return vim.startswith(name, lead)
    end, SUBCOMMANDS)
  end
  return before[2] == 'audit' and vim.fn.getcompletion(lead, 'file') or {}
end

return M
