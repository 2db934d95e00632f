--- What Neovim calls differently from 0.7 to 0.11.
local M = {}

M.has_enable = vim.fn.has('nvim-0.11') == 1

--- The initialised clients of this name, of one buffer or of all.
function M.clients(name, bufnr)
  local found = {}
  local all
  if vim.lsp.get_clients then
    all = vim.lsp.get_clients({ bufnr = bufnr })
  elseif bufnr then
    all = vim.lsp.buf_get_clients(bufnr)
  else
    all = vim.lsp.get_active_clients()
  end
  for _, client in pairs(all) do
    if not name or client.name == name then
      table.insert(found, client)
    end
  end
  table.sort(found, function(one, other)
    return one.id < other.id
  end)
  return found
end

--- Ask a server; returns the request's number, or nil where the client is gone.
function M.request(client, method, params, handler, bufnr)
  local sent, id
  if M.has_enable then
    sent, id = client:request(method, params, handler, bufnr)
  else
    sent, id = client.request(method, params, handler, bufnr)
  end
  return sent and id or nil
end

function M.cancel(client, id)
  if M.has_enable then
    client:cancel_request(id)
  else
    client.cancel_request(id)
  end
end

function M.stop(client, force)
  if M.has_enable then
    client:stop(force)
  else
    client.stop(force)
  end
end

--- Whether the server of a client renames.
function M.renames(client)
  local capabilities = client.server_capabilities or {}
  return capabilities.renameProvider ~= nil and capabilities.renameProvider ~= false
end

--- The byte of a line that a server calls `character`.
function M.byte_of(line, character, encoding)
  if encoding == 'utf-8' then
    return math.min(character, #line)
  end
  if M.has_enable then
    return vim.str_byteindex(line, encoding, character, false)
  end
  local found, byte = pcall(vim.str_byteindex, line, character, encoding == 'utf-16')
  return found and byte or #line
end

--- What a server calls a byte of a line.
function M.character_of(line, byte, encoding)
  if encoding == 'utf-8' then
    return byte
  end
  if M.has_enable then
    return vim.str_utfindex(line, encoding, byte, false)
  end
  local utf32, utf16 = vim.str_utfindex(line, math.min(byte, #line))
  return encoding == 'utf-16' and utf16 or utf32
end

--- Whether a process may be started under this name.
function M.is_executable(program)
  return vim.fn.executable(program) == 1
end

return M
