"""Interpreters that a person could choose, right and wrong, as small programs."""

from __future__ import annotations

from pathlib import Path

_PROBED = """echo '{"version": [3, 12, 0], "namewright": "0.1.0", "path": "'"$0"'"}'"""
# Answers the probe as a Python that has Namewright would, and dies as a server.
DYING = f"""#!/bin/sh
case "$*" in
    *probe.py) {_PROBED} ;;
    *) echo "Traceback (most recent call last):" >&2
       echo "OSError: the disk is full" >&2
       exit 1 ;;
esac
"""
TOO_OLD = """#!/bin/sh
echo '{"version": [3, 8, 10], "namewright": null, "path": "'"$0"'"}'
"""
NOT_A_PYTHON = "#!/bin/sh\nexit 3\n"


def program(folder: Path, name: str, text: str) -> str:
    """The path of a new program."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def recording_python(folder: Path, python: Path) -> tuple[str, Path]:
    """A Python that runs the real server and writes down all that it is told, in which file."""
    heard = folder / "heard"
    text = f"""#!/bin/sh
case "$*" in
    *probe.py) {_PROBED} ;;
    *) tee -a "{heard}" | "{python}" "$@" ;;
esac
"""
    return program(folder, "recording-python", text), heard
