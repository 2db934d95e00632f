"""Intervals on a line of numbers; every function here has a name that says what it does."""

from __future__ import annotations

Interval = tuple[float, float]


def merge_intervals(intervals: list[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def contains(interval: Interval, value: float) -> bool:
    start, end = interval
    return start <= value < end


def total_length(intervals: list[Interval]) -> float:
    return sum(end - start for start, end in merge_intervals(intervals))
