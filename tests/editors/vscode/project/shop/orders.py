"""Orders, as they come from a file."""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Order:
    number: str
    customer: str
    total: float
    paid: bool = False


def do_it(path: Path) -> list[Order]:
    with path.open(newline="", encoding="utf-8") as stream:
        return [
            Order(row["number"], row["customer"], float(row["total"]), row["paid"] == "yes")
            for row in csv.DictReader(stream)
        ]


def process(orders: list[Order]) -> dict[str, list[Order]]:
    groups: dict[str, list[Order]] = {}
    for order in orders:
        groups.setdefault(order.customer, []).append(order)
    return groups


def calc(orders: list[Order]) -> float:
    return sum(order.total for order in orders if not order.paid)
