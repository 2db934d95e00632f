"""Batches of sequences of about equal length: padding is work for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence


def of_like_length(
    lengths: Sequence[int], cost: Callable[[int], int], most: int
) -> Iterator[list[int]]:
    """Indices of sequences, shortest first, in groups; the `cost` of the longest one of a group,
    times their count, is at most `most`."""
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and (len(group) + 1) * cost(lengths[index]) > most:
            yield group
            group = []
        group.append(index)
    if group:
        yield group
