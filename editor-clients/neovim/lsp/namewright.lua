-- Neovim 0.11 and newer: vim.lsp.enable('namewright') finds this file.
return require('namewright.server').config()
