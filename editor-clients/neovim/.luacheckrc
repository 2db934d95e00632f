std = 'luajit'
-- Neovim's own; only the variables of vim.g are assigned to.
read_globals = {
  vim = { other_fields = true, fields = { g = { read_only = false, other_fields = true } } },
}
max_line_length = 100
