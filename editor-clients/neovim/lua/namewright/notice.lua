--- What people are told: always one line, always with the plugin's name.
local M = {}

local told = {}

local function tell(text, level)
  vim.notify('Namewright: ' .. text:gsub('%s*\n%s*', ' '), level)
end

function M.info(text)
  tell(text, vim.log.levels.INFO)
end

function M.warn(text)
  tell(text, vim.log.levels.WARN)
end

--- A warning that nobody needs twice: what the editor does by itself would repeat it.
function M.warn_once(text)
  if not told[text] then
    told[text] = true
    M.warn(text)
  end
end

return M
