"""A second tower is built over a network's first layers and learns to answer as another network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.embedded_runs import RECIPE, refused
from training.embedded.model import Decoder, Shape, causal_attention
from training.embedded.restore import load_run
from training.embedded.tower import with_tower
from training.errors import TrainingError

SHAPE = Shape(vocabulary=50, width=32, layers=3, heads=2, key_value_heads=1, feed_forward=48)


def _network(seed: int, shape: Shape = SHAPE) -> Decoder:
    torch.manual_seed(seed)
    model = Decoder(shape)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def _shares(model: Decoder, tokens: torch.Tensor) -> torch.Tensor:
    places = torch.arange(tokens.shape[1])[None]
    hidden = model(tokens, places, causal_attention, torch.float32)
    shares: torch.Tensor = model.logits(hidden).softmax(-1)
    return shares


def test_a_network_with_its_own_layers_as_a_tower_answers_as_before() -> None:
    network = _network(0)
    both = with_tower(network, network, below=1)
    assert both.tower is not None
    with torch.no_grad():
        both.tower.into.weight.copy_(torch.eye(SHAPE.width))
    tokens = torch.tensor([[1, 7, 8, 9, 20]])
    torch.testing.assert_close(_shares(both, tokens), _shares(network, tokens))


def test_the_towers_probabilities_are_averaged() -> None:
    first, second = _network(0), _network(1)
    # The same first layer and table: the second network is then the tower by itself.
    second.embedding.load_state_dict(first.embedding.state_dict())
    second.layers[0].load_state_dict(first.layers[0].state_dict())
    both = with_tower(first, second, below=1)
    assert both.tower is not None
    with torch.no_grad():
        both.tower.into.weight.copy_(torch.eye(SHAPE.width))
    tokens = torch.tensor([[1, 7, 8, 9, 20]])
    mean = (_shares(first, tokens) + _shares(second, tokens)) / 2
    torch.testing.assert_close(_shares(both, tokens), mean)


def test_networks_of_two_shapes_make_no_towers() -> None:
    other = Shape(vocabulary=50, width=32, layers=2, heads=2, key_value_heads=1, feed_forward=48)
    with pytest.raises(TrainingError, match="one shape"):
        with_tower(_network(0), _network(1, other), below=1)


def test_only_the_tower_learns_and_comes_nearer_to_its_teacher(
    run_folder: Path, tower_run: Path
) -> None:
    lines = (tower_run / "log.txt").read_text().splitlines()
    apart = [float(line.split("answer_loss ")[1].split()[0]) for line in lines]
    assert apart[-1] < 0.9 * apart[0], apart
    network, both = (
        torch.load(path / "weights.pt", weights_only=True)
        for path in (run_folder / "out", tower_run)
    )
    for name, value in network.items():
        assert torch.equal(both[name], value), name
    assert load_run(tower_run).shape.tower_from == 1


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("tower: {{teacher: {out}, below: 1}}\n", "wants `start`"),
        (
            "start: {out}\ntower: {{teacher: {out}, below: 2}}\n",
            "share one of 2 layers or more, leave one",
        ),
        ("start: {out}\ntower: {{teacher: {tower}, below: 1}}\n", "two networks of one shape"),
    ],
)
def test_a_tower_that_cannot_be_built_is_one_clear_line(
    run_folder: Path, tower_run: Path, tmp_path: Path, lines: str, expected: str
) -> None:
    recipe = tmp_path / "recipe.yaml"
    text = RECIPE.format(data=run_folder, out=tmp_path / "run", steps=2)
    recipe.write_text(text + lines.format(out=run_folder / "out", tower=tower_run))
    assert expected in refused("training", "pretrain", "--config", recipe)
