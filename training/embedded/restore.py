"""Makes a run's folder of a served model, so that the shipped one can be taught further."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from dataset.storage import settled, write_text
from server.predictors.weights import open_weights
from training.embedded.export import constants as read_constants
from training.embedded.model import Decoder, Shape

Constants = dict[str, np.ndarray]


def restore(served: Path, run: Path) -> None:
    """Write `weights.pt` (fp32), `shape.json` and `tokenizer.json` of the model in `served`.

    What int8 took away stays away: exporting the run again gives the same codes. Raises
    WeightsError when `served` is damaged or foreign.
    """
    weights = open_weights(served)
    constants, both_ways = read_constants(weights.folder)
    shape = replace(_shape(constants), both_ways=both_ways)
    run.mkdir(parents=True, exist_ok=True)
    state = {name: torch.from_numpy(value) for name, value in _state(constants, shape).items()}
    # Each process of a run restores for itself, and one may read what another is writing.
    with settled(run / "weights.pt") as partial:
        torch.save(state, partial)
    with settled(run / "tokenizer.json") as partial:
        shutil.copyfile(weights.folder / "tokenizer.json", partial)
    write_text(run / "shape.json", json.dumps(asdict(shape)))


def load_run(folder: Path, restored: Path | None = None, dropout: float = 0.0) -> Decoder:
    """The network of a run, in fp32; a served model's is first restored to `restored`.

    Raises WeightsError when `folder` is neither a run's nor a served model's.
    """
    if restored is not None and not (folder / "weights.pt").exists():
        restore(folder, restored)
        folder = restored
    model = Decoder(Shape(**json.loads((folder / "shape.json").read_text())), dropout)
    state = torch.load(folder / "weights.pt", map_location="cpu", weights_only=True)
    model.load_state_dict({name: value.float() for name, value in state.items()})
    return model


def _shape(constants: Constants) -> Shape:
    vocabulary, width = _embedding(constants).shape
    layers, towers = (_count(constants, prefix) for prefix in ("", "tower."))
    joined, head = constants["layers.0.attention.norms"].shape
    heads = width // head
    inner = constants["layers.0.feed_forward.gate.weight"].shape[1]
    shape = Shape(vocabulary, width, layers, heads, joined - heads, inner)
    return replace(shape, tower_from=layers - towers if towers else 0)


def _count(constants: Constants, prefix: str) -> int:
    """How many layers there are under a prefix."""
    count = 0
    while f"{prefix}layers.{count}.attention.norm.weight" in constants:
        count += 1
    return count


def _state(constants: Constants, shape: Shape) -> Constants:
    """Arrays by the names of `Decoder.state_dict`."""
    inner = shape.key_value_heads * shape.head_width
    state = {"embedding.weight": _embedding(constants), "norm.weight": constants["norm.weight"]}
    if shape.tower_from:
        state["tower.norm.weight"] = constants["tower.norm.weight"]
        for part in ("into", "out"):
            state[f"tower.{part}.weight"] = _matrix(constants, f"tower.{part}.weight")
    places = [f"layers.{index}." for index in range(shape.layers)]
    places += [f"tower.layers.{index}." for index in range(shape.tower_layers)]
    for place in places:
        attention, forward = f"{place}attention.", f"{place}feed_forward."
        joined = _matrix(constants, f"{attention}q.weight")
        parts = np.split(joined, [shape.width, shape.width + inner])
        state |= {f"{attention}{part}.weight": one for part, one in zip("qkv", parts, strict=True)}
        norms = constants[f"{attention}norms"]
        # The graph keeps the scale of the scores in the norm of the queries.
        state[f"{attention}q_norm.weight"] = norms[0] * np.sqrt(np.float32(shape.head_width))
        state[f"{attention}k_norm.weight"] = norms[-1]
        state[f"{attention}o.weight"] = _matrix(constants, f"{attention}o.weight")
        for part in ("gate", "up", "down"):
            state[f"{forward}{part}.weight"] = _matrix(constants, f"{forward}{part}.weight")
        for part in (attention, forward):
            state[f"{part}norm.weight"] = constants[f"{part}norm.weight"]
    return {name: np.array(value, np.float32, order="C") for name, value in state.items()}


def _matrix(constants: Constants, name: str) -> np.ndarray:
    weight = constants[name].T
    return weight * constants[f"{name}.scale"][:, None] if weight.dtype == np.int8 else weight


def _embedding(constants: Constants) -> np.ndarray:
    table = constants["embedding"]
    if table.dtype != np.uint8:
        return table
    codes = table.reshape(len(table), -1).astype(np.float32) - 128
    return codes * constants["embedding.scale"][:, None]
