#!/bin/sh
# Installs VS Code (as code-server, which a browser shows) for the tests of tests/editors/vscode,
# and the packages the extension is built with; what is there already is left as it is.
#   scripts/editors.sh             # both
#   scripts/editors.sh packages    # the packages alone
# Everything goes into .editors/ and editor-clients/vscode/node_modules. Chromium and ripgrep come
# from the system (scripts/system-packages.sh).
set -eu
cd "$(dirname "$0")/.."

code_server=4.100.3 # VS Code 1.100.3; later ones ask for a newer node than Debian's
playwright=1.65.1
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
