"""Classes that offer the same members without a shared base: renaming in one breaks the likeness.

Nothing but a person or a test knows whether the likeness is meant, so it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from server.refactoring.evidence import public_members
from server.refactoring.family import Family, definers, is_mangled
from server.refactoring.inference import Inference
from server.refactoring.values import ClassValue

_FEWEST, _SHARE = 8, 0.6
_MOST, _MOST_OTHERS = 20, 100


def stand_ins(inference: Inference, family: Family) -> Iterator[ClassValue]:
    """Yield other classes that define the name and hand on what they lack, by `__getattr__`.

    Such a wrapper takes the place of what it wraps: after the rename it hands the new name on
    and its own method is passed by.
    """
    if not family.is_member or is_mangled(family.name):
        return
    for other in list(definers(inference, family.name))[:_MOST_OTHERS]:
        if other in family.classes:
            continue
        found = inference.classes.member(other, b"__getattr__")
        if found is not None and not found[0].outside:
            yield other


def parallel_classes(
    inference: Inference, family: Family
) -> Iterator[tuple[ClassValue, ClassValue]]:
    """Yield (class of the family, other class of its file) that share most public members."""
    if not family.is_member or family.name.startswith(b"_"):
        return
    mine = [one for one in family.classes if one.definition.path.suffix != ".pyi"][:_MOST]
    homes = {one.definition.path for one in mine}
    for other in definers(inference, family.name):
        if other in family.classes or other.definition.path not in homes:
            continue
        theirs = public_members(other)
        for one in mine:
            members = public_members(one)
            both = members & theirs
            if len(both) >= _FEWEST and len(both) >= _SHARE * len(members | theirs):
                yield one, other
                break
