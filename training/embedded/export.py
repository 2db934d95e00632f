"""Writes the embedded model for ONNX Runtime (no pickle): the graph, and its weights beside it."""

from __future__ import annotations

from pathlib import Path

import onnx

from training.embedded.graph import build
from training.embedded.graph_weights import Arrays
from training.embedded.model import Shape

GRAPH, WEIGHTS = "model.onnx", "model.bin"


def export(arrays: Arrays, shape: Shape, out: Path, *, quantized: bool = True) -> None:
    """Write the network `arrays` (fp32, names of `Decoder.state_dict`) to the folder `out`.

    The weights are int8 by output, or fp32 where not `quantized`.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in (GRAPH, WEIGHTS):  # the library would add to the weights that are there
        (out / name).unlink(missing_ok=True)
    model = build(arrays, shape, quantized=quantized)
    # Weights in a file of their own are mapped into memory, not read into it.
    onnx.save_model(
        model,
        str(out / GRAPH),
        save_as_external_data=True,
        location=WEIGHTS,
        size_threshold=1_024,
    )
