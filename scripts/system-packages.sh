#!/bin/sh
# Installs what the project needs from the system and is not there yet; run by `make` and .ci/run.
# Debian and Ubuntu only; elsewhere it names what is missing and leaves the rest to you.
#   scripts/system-packages.sh
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
# pyright, the type checker, is a node program.
need node nodejs
need npm npm

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
