"""A recipe is checked field by field, and its errors name file, field and expectation."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.embedded.recipe import PretrainRecipe
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
        ("out: b\n", "data is missing; give a Path"),
        ("data: []\nout: b\n", "data: expected Path, got []"),
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


def test_changes_stand_over_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: a\nout: b\nschedule: {muon_rate: 0.01}\n")
    recipe = load_recipe(path, PretrainRecipe, ["schedule.minutes=2.5", "seed=7", "start=c"])
    assert (recipe.schedule.minutes, recipe.schedule.muon_rate) == (2.5, 0.01)
    assert (recipe.seed, recipe.start) == (7, Path("c"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("schedule.minuts=3", "schedule.minuts is not a field"),
        ("seed.low=3", "seed.low: seed holds no fields"),
        ("seed", "written field=value"),
        ("seed=[", "is not a value of YAML"),
    ],
)
def test_bad_changes_are_one_line(tmp_path: Path, change: str, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: a\nout: b\nseed: 1\n")
    with pytest.raises(TrainingError) as raised:
        load_recipe(path, PretrainRecipe, [change])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("data", ["data: a", "data: [a]", "data: [a, b]"])
def test_one_corpus_or_several(tmp_path: Path, data: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"{data}\nout: b\n")
    several = (Path("a"), Path("b")) if "b]" in data else (Path("a"),)
    assert load_recipe(path, PretrainRecipe).data == several


def test_a_list_of_other_things_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("data: [a, 3]\nout: b\n")
    with pytest.raises(TrainingError, match="data: expected Path, got 3"):
        load_recipe(path, PretrainRecipe)


def test_missing_recipe(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml", PretrainRecipe)
