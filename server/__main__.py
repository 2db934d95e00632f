"""Entry point of `python -m server` and of the console script `namewright`."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line on the process's own arguments; the exit status is the result."""
    if "--stdio" in sys.argv[1:]:
        # Before anything else is imported: a stray print would corrupt the protocol's stream.
        from server.stdout_guard import take_stdout

        take_stdout()
        # The protocol's many types are made to stay: collecting while they load costs a sixth.
        gc.disable()
    from server.cli import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
