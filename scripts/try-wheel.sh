#!/bin/sh
# Installs a wheel into a fresh environment and uses it without any network, as a user would.
#   scripts/try-wheel.sh dist/namewright-0.1.0-py3-none-any.whl
set -eu

wheel="$(realpath "$1")"
example="$(realpath "$(dirname "$0")/../examples/orders.py")"
python="${PYTHON:-python3}"
fresh="$(mktemp -d)"
trap 'rm -rf "$fresh"' EXIT

"$python" -m venv "$fresh/venv"
"$fresh/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel"

# From here on no socket but loopback and unix. First guard: a hook inside Python, everywhere.
site="$("$fresh/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
cat >"$site/no_network.py" <<'PYTHON'
import socket
import sys

LOOPBACK = ("127.", "::1", "localhost")


def refuse(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.bind"):
        where, address = arguments
        if where.family == getattr(socket, "AF_UNIX", None):
            return
        if not str(address[0]).startswith(LOOPBACK):
            raise PermissionError(f"network use: {event} {address}")
    elif event == "socket.getaddrinfo" and not str(arguments[0]).startswith(LOOPBACK):
        raise PermissionError(f"network use: look-up of {arguments[0]}")


sys.addaudithook(refuse)
PYTHON
echo 'import no_network' >"$site/no_network.pth"

# Second guard, for what is not Python: an empty network namespace, where the system allows one.
alone=""
for try in "unshare --net" "unshare --map-root-user --net"; do
    if $try true 2>/dev/null; then alone="$try"; break; fi
done
[ -n "$alone" ] || echo "try-wheel: no network namespace here, the hook alone guards" >&2

cd "$fresh"
if $alone "$fresh/venv/bin/python" -c \
    'import socket; socket.create_connection(("192.0.2.1", 80), timeout=1)' 2>/dev/null; then
    echo "try-wheel: the guard does not hold" >&2
    exit 1
fi

namewright="$alone $fresh/venv/bin/namewright"
$namewright --version
$namewright check
$namewright suggest "$example" --line 23
$namewright suggest "$example" --line 23 --json >"$fresh/names.json"
"$fresh/venv/bin/python" - "$fresh/names.json" <<'PYTHON'
import json
import pathlib
import sys

answer = json.loads(pathlib.Path(sys.argv[1]).read_text())
assert answer["suggestions"], "no names were suggested"
print("wheel works offline:", ", ".join(each["name"] for each in answer["suggestions"]))
PYTHON
