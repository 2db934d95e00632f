--- The options of setup(): checked once; a value of the wrong type is told and its default holds.
local M = {}

local notice = require('namewright.notice')

local DEFAULTS = {
  --- The words of the server's command; false: `python` decides.
  cmd = false,
  --- A Python that has namewright installed; false: the program `namewright` on the PATH.
  python = false,
  --- The server's settings, as in docs/settings.md without the prefix.
  settings = {},
  --- Files and folders that mark the root of a project.
  root_markers = { 'pyproject.toml', 'setup.py', 'setup.cfg', '.git' },
  --- Which other client renames where rename.engine is 'client'; false: the first that can.
  rename_client = false,
  --- Called with (client, bufnr) when the server is attached.
  on_attach = false,
}

local KINDS = {
  cmd = 'a list of words',
  python = 'a path',
  settings = 'a table',
  root_markers = 'a list of words',
  rename_client = 'the name of a client',
  on_attach = 'a function',
}

local function is_words(value)
  if type(value) ~= 'table' or #value == 0 then
    return false
  end
  for key, word in pairs(value) do
    if type(key) ~= 'number' or type(word) ~= 'string' then
      return false
    end
  end
  return true
end

local FITS = {
  ['a list of words'] = is_words,
  ['a path'] = function(value)
    return type(value) == 'string' and value ~= ''
  end,
  ['a table'] = function(value)
    return type(value) == 'table' and value[1] == nil
  end,
  ['the name of a client'] = function(value)
    return type(value) == 'string' and value ~= ''
  end,
  ['a function'] = function(value)
    return type(value) == 'function'
  end,
}

local current = vim.deepcopy(DEFAULTS)

--- What is wrong with the options of a person, one line each.
--- @return string[] complaints, table checked
local function checked(options)
  local complaints, result = {}, vim.deepcopy(DEFAULTS)
  if type(options) ~= 'table' then
    return { 'setup() takes a table, not a ' .. type(options) .. '; the defaults hold' }, result
  end
  for key, value in pairs(options) do
    local kind = KINDS[key]
    if kind == nil then
      table.insert(complaints, ('unknown option %s; it is ignored'):format(tostring(key)))
    elseif value ~= false and not FITS[kind](value) then
      local text = 'the option %s must be %s, not %s; its default holds'
      table.insert(complaints, text:format(key, kind, vim.inspect(value):sub(1, 40)))
    elseif value ~= false then
      result[key] = value
    end
  end
  table.sort(complaints)
  return complaints, result
end

--- Take what a person gave to setup().
function M.set(options)
  local complaints
  complaints, current = checked(options == nil and {} or options)
  M.complaints = complaints
  if #complaints > 0 then
    notice.warn(table.concat(complaints, '; '))
  end
end

--- The options in force.
function M.get()
  return current
end

--- What was wrong with the last setup(), for :checkhealth.
M.complaints = {}

return M
