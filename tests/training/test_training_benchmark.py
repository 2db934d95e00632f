"""The benchmarks of fine-tuning, run whole at a size for a processor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import several_gpus
from benchmarks.training import TINY, VARIANTS, main


def test_variants_train_the_same_batch() -> None:
    assert next(iter(VARIANTS)) == "plain"
    assert all(32 % changes["rows"] == 0 for changes in VARIANTS.values())


def test_what_is_recomputed_does_not_change_the_losses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "measured.json"
    assert (
        main(["--tiny", "--steps", "2", "--warmup", "1", "--rows", "40", "--json", str(out)]) == 0
    )
    measured = json.loads(out.read_text())
    assert [one["name"] for one in measured] == list(TINY)
    for one in measured:
        assert one["tokens_per_second"] > 0
        if "not separated" in one["name"]:
            continue  # its rows begin and end elsewhere
        assert one["losses"] == pytest.approx(measured[0]["losses"], rel=2e-2), one["name"]
    assert "| plain | " in capsys.readouterr().out


def test_two_processes_learn_what_one_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "measured.json"
    assert (
        several_gpus.main(["--tiny", "--ways", "one,ddp", "--steps", "4", "--json", str(out)]) == 0
    )
    one, copied = json.loads(out.read_text())
    assert (one["failure"], copied["failure"]) == ("", "")
    # Two processes divide the last, incomplete rows of an epoch in another way.
    assert copied["losses"][:2] == pytest.approx(one["losses"][:2], rel=5e-3)
    assert "| ddp | " in capsys.readouterr().out
