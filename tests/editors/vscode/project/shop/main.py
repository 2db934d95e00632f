"""The command line."""

import sys
from pathlib import Path

from shop import orders
from shop.report import write_report


def main() -> None:
    source = Path(sys.argv[1])
    print(len(orders.do_it(source)), "orders")
    write_report(source, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
