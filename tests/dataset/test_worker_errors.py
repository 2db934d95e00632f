"""What goes wrong in a worker: bugs come through, units that cannot be read are reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataset.build import Build, build
from dataset.engines import Processes
from dataset.errors import DatasetError
from dataset.parts import Part
from tests.dataset.failing_units import OneFile, be_killed, be_unreadable, meet_a_bug


def run(out: Path, workers: int, *units: OneFile) -> dict[str, Any]:
    def ignore(_part: Part) -> None:
        return

    return build(Build(units, out, Processes(workers), 0.0, 0.0), ignore)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_is_not_swallowed(tmp_path: Path, workers: int) -> None:
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(tmp_path, workers, OneFile("good"), OneFile("bad", meet_a_bug))
    assert not list(tmp_path.rglob("*.partial"))
    assert not (tmp_path / "stats.json").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_unreadable_unit_is_reported_and_the_rest_goes_on(tmp_path: Path, workers: int) -> None:
    stats = run(tmp_path, workers, OneFile("good"), OneFile("bad", be_unreadable))
    assert stats["problems"] == ["bad: the unit is unreadable; mend it"]
    assert stats["counts"]["rows: train"] == 1


def test_nothing_readable_is_an_error_and_leaves_the_last_corpus(tmp_path: Path) -> None:
    run(tmp_path, 1, OneFile("good"))
    before = (tmp_path / "stats.json").read_bytes()
    with pytest.raises(DatasetError, match="nothing could be read; first: the unit is unreadable"):
        run(tmp_path, 1, OneFile("bad", be_unreadable), OneFile("worse", be_unreadable))
    assert (tmp_path / "stats.json").read_bytes() == before


def test_an_unreadable_unit_is_tried_again(tmp_path: Path) -> None:
    run(tmp_path, 1, OneFile("good"), OneFile("late", be_unreadable))
    stats = run(tmp_path, 1, OneFile("good"), OneFile("late"))
    assert stats["problems"] == []
    assert stats["counts"]["exact duplicate"] == 1


def test_a_killed_worker_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"a worker process was killed .* --workers"):
        run(tmp_path, 2, OneFile("good"), OneFile("bad", be_killed))
