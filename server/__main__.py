"""Entry point of `python -m server` and of the console script `namewright`."""

from __future__ import annotations

import sys

from server.cli import main as run


def main() -> int:
    """Run the command line on the process's own arguments; the exit status is the result."""
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
