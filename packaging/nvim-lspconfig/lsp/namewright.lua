---@brief
---
--- https://github.com/OWNER/namewright
---
--- Suggests names for Python functions and renames them across the project, on this machine.
--- Runs beside another Python server; names are offered as code actions on a definition.
---
--- ```sh
--- uv tool install namewright
--- ```

---@type vim.lsp.Config
return {
  cmd = { 'namewright', '--stdio' },
  filetypes = { 'python' },
  root_markers = {
    'pyproject.toml',
    'setup.py',
    'setup.cfg',
    '.git',
  },
}
