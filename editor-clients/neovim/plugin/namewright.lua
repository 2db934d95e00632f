-- Defines :Namewright. Nothing else is loaded before it is used.
if vim.g.loaded_namewright then
  return
end
vim.g.loaded_namewright = true

vim.api.nvim_create_user_command('Namewright', function(called)
  require('namewright.command').run(called.fargs)
end, {
  nargs = '*',
  desc = 'Names for Python functions',
  complete = function(...)
    return require('namewright.command').complete(...)
  end,
})
