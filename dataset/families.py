"""Finds repositories that are much the same (forks, renames, copies), so that one split holds both.

Goes by the functions they share, not by their histories: it works for any source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

# Forks share most; a project that carries a small one inside shares little of its own.
_SHARED = 0.3


class Families:
    """Told of the functions of all repositories, it says which ones belong together.

    Memory is about 50 bytes for each different function since it was last told to forget.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._first: dict[int, int] = {}
        self._rows: Counter[int] = Counter()
        self._shared: Counter[tuple[int, int]] = Counter()

    def note(self, repository: str, source_hashes: Iterable[int]) -> None:
        """Count some functions of a repository, by the hashes of their questions."""
        number = self._numbers.setdefault(repository, len(self._numbers))
        for source_hash in source_hashes:
            first = self._first.setdefault(source_hash, number)
            self._rows[number] += 1
            if first != number:
                self._shared[first, number] += 1

    def forget(self) -> None:
        """Forget the functions, not what was counted: no later one equals any of them."""
        self._first.clear()

    def heads(self) -> dict[str, str]:
        """Of each repository the first name, in alphabetical order, of its family."""
        names = sorted(self._numbers, key=lambda name: (name.lower(), name))
        head = {self._numbers[name]: self._numbers[name] for name in names}
        place = {self._numbers[name]: index for index, name in enumerate(names)}

        def find(number: int) -> int:
            while head[number] != number:
                number = head[number]
            return number

        for (one, other), shared in sorted(self._shared.items()):
            if shared >= _SHARED * max(self._rows[one], self._rows[other]):
                first, second = sorted((find(one), find(other)), key=lambda each: place[each])
                head[second] = first
        by_number = {number: name for name, number in self._numbers.items()}
        return {name: by_number[find(number)] for name, number in self._numbers.items()}
