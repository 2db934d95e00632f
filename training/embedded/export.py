"""Writes the embedded model for ONNX Runtime (no pickle): the graph, and its weights beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.external_data_helper import set_external_data

from server.predictors.weights import ARRAYS, GRAPH
from training.embedded.graph import BOTH_WAYS, build
from training.embedded.graph_weights import INT8_LEVELS, Arrays
from training.embedded.model import Shape

# What is smaller stays in the graph, where ONNX Runtime folds it.
_LARGE = 1_024
# Matrices that are multiplied in fp32 among int8 ones lie in the file as float16.
_HALVED = "tower.into.weight", "tower.out.weight"


def export(arrays: Arrays, shape: Shape, out: Path, *, levels: int = INT8_LEVELS) -> None:
    """Write the network `arrays` (fp32, names of `Decoder.state_dict`) to the folder `out`.

    The weights are int8 by output, with codes from -levels to levels, or fp32 where that is 0.
    """
    out.mkdir(parents=True, exist_ok=True)
    model = build(arrays, shape, levels=levels)
    large = [each for each in model.graph.initializer if len(each.raw_data) >= _LARGE]
    # A ZIP file: few levels a weight take less than their bytes, and threads expand it by name.
    kept = {each.name: numpy_helper.to_array(each) for each in large}
    for name in _HALVED if levels and shape.tower_from else ():
        kept[name] = kept[name].astype(np.float16)
    np.savez_compressed(out / ARRAYS, **kept)
    for each in large:
        set_external_data(each, location=ARRAYS)
        each.ClearField("raw_data")
    onnx.save_model(model, str(out / GRAPH))


def constants(folder: Path) -> tuple[dict[str, np.ndarray], bool]:
    """All constants by name of a folder that `export` wrote, and whether its network reads prompts
    both ways."""
    model = onnx.load(str(folder / GRAPH), load_external_data=False)
    with np.load(folder / ARRAYS, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    for each in model.graph.initializer:
        if each.data_location != TensorProto.EXTERNAL:
            found[each.name] = numpy_helper.to_array(each)
    said = {each.key: each.value for each in model.metadata_props}
    return found, said[BOTH_WAYS] == str(True)
