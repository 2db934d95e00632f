#!/bin/sh
# Installs what the project needs from the system and is not there yet; run by `make` and .ci/run.
# Debian and Ubuntu only; elsewhere it names what is missing and leaves the rest to you.
#   scripts/system-packages.sh                 # what it takes to run Namewright from a checkout
#   scripts/system-packages.sh development     # and to check, test and package it
set -eu

missing=""
need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

need git git
need make make
python="${PYTHON:-python3}"
need "$python" python3
if command -v "$python" >/dev/null 2>&1; then
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3-venv"
fi
if [ "${1:-}" = development ]; then
    # pyright, the type checker, is a node program.
    need node nodejs
    need npm npm
    # The tests in VS Code: a browser, its search, and what its one native module is built with.
    need chromium chromium
    need rg ripgrep
    # The tests in Neovim, and the linter of its plugin.
    need nvim neovim
    need luacheck lua-check
    need g++ g++
    need pkg-config pkg-config
    # The tests in Emacs and in Vim, and the clients that are packaged for them.
    need emacs emacs-nox
    need vim vim
    for client in elpa-eglot elpa-lsp-mode vim-ale; do
        dpkg -s "$client" >/dev/null 2>&1 || missing="$missing $client"
    done
    [ -e /usr/include/krb5.h ] || [ -e /usr/include/gssapi.h ] || missing="$missing libkrb5-dev"
fi

[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "system-packages: please install:$missing" >&2
    exit 0
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "system-packages: please install as root: apt-get install$missing" >&2
        exit 0
    fi
    as_root="sudo"
fi
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing
