"""A report for each customer."""

from pathlib import Path

from shop.orders import calc, do_it, process


def write_report(source: Path, target: Path) -> None:
    groups = process(do_it(source))
    lines = [f"{customer}: {calc(orders):.2f}" for customer, orders in groups.items()]
    target.write_text("\n".join(lines), encoding="utf-8")
