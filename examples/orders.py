"""A small order book, written in a hurry: the code is fine, the names are not."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path


@dataclass(frozen=True)
class Order:
    number: str
    customer: str
    placed: date
    total: float
    paid: bool = False


def do_it(path: Path) -> list[Order]:
    with path.open(newline="", encoding="utf-8") as stream:
        return [
            Order(
                number=row["number"],
                customer=row["customer"].strip(),
                placed=date.fromisoformat(row["placed"]),
                total=float(row["total"]),
                paid=row["paid"] == "yes",
            )
            for row in csv.DictReader(stream)
        ]


def process(orders: Iterable[Order]) -> dict[str, list[Order]]:
    groups: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        groups[order.customer].append(order)
    return dict(groups)


def calc(orders: Iterable[Order]) -> float:
    return sum(order.total for order in orders if not order.paid)


class Reminder:
    """Letters to customers who owe money."""

    def __init__(self, orders: Iterable[Order], grace: timedelta = timedelta(days=30)) -> None:
        self.orders = list(orders)
        self.grace = grace

    def helper(self, order: Order, today: date) -> bool:
        return not order.paid and order.placed + self.grace < today

    def run(self, today: date) -> list[Order]:
        return [order for order in self.orders if self.helper(order, today)]

    def handle(self, order: Order) -> str:
        return (
            f"Dear {order.customer},\n\n"
            f"your order {order.number} of {order.placed:%d %B %Y} is still unpaid.\n"
            f"Please transfer {order.total:.2f} EUR.\n"
        )

    def write_letters(self, folder: Path, today: date) -> int:
        folder.mkdir(parents=True, exist_ok=True)
        late = self.run(today)
        for order in late:
            target = folder / f"{order.number}.txt"
            target.write_text(self.handle(order), encoding="utf-8")
        return len(late)
