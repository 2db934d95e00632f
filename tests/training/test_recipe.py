"""A recipe is checked field by field, and its errors name file, field and expectation."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.embedded.pipeline import PretrainRecipe
from training.errors import TrainingError
from training.recipe import load_recipe

SHIPPED = sorted((Path(__file__).parents[2] / "training/recipes/embedded").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_load(path: Path) -> None:
    recipe = load_recipe(path, PretrainRecipe)
    assert recipe.shape.width % recipe.shape.heads == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: a\nout: b\nschedul: {}\n", "schedul is not a field"),
        ("data: a\nout: b\nschedule: {minuts: 3}\n", "schedule.minuts is not a field"),
        ("data: a\nout: b\nseed: one\n", "seed: expected int, got 'one'"),
        ("out: b\n", "data is missing"),
        ("- a\n", "a recipe is a mapping"),
        ("data: [\n", "not YAML"),
    ],
)
def test_bad_recipes_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(TrainingError) as raised:
        load_recipe(path, PretrainRecipe)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_recipe(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml", PretrainRecipe)
