"""What four bits a weight cost against the shipped int8: the products of a prompt, in one run.

    python -m benchmarks.weight_bits

Each stack holds the matrices of so many layers of the shipped width, with random weights, and
reads 250 tokens on two threads; the stacks take turns. Attention, norms and the search are not in
it, nor the embedding in the time.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import onnxruntime
from onnx import helper
from rich.console import Console
from rich.table import Table

from training.embedded.graph_nodes import CONTRIB, FLOAT, INT, Graph
from training.embedded.graph_weights import Arrays, Plain, Quantized
from training.embedded.recipe import ShapeRecipe

SHIPPED = ShapeRecipe()
VOCABULARY = 16_384
TOKENS, ROUNDS, WARM = 250, 20, 5
# Bits, weights that share a scale (0: an output's), layers. The first is the shipped form.
STACKS = (8, 0, 7), (8, 0, 10), (4, 32, 7), (4, 128, 7), (4, 128, 10), (4, 128, 14)


class FourBits(Plain):
    """The products alone in four bits, by blocks, with activations in int8."""

    def __init__(self, graph: Graph, arrays: Arrays, block: int) -> None:
        super().__init__(graph, arrays)
        self.block = block

    def product(self, rows: str, *names: str) -> str:
        outputs, inner = self.arrays[names[0]].shape
        random = np.random.default_rng(0)
        packed = (outputs, inner // self.block, self.block // 2)
        codes = self.graph.constant(names[0], random.integers(0, 255, packed), np.uint8)
        scales = np.full(outputs * inner // self.block, 1e-3)
        return self.graph.op(
            "MatMulNBits",
            [rows, codes, self.graph.constant(f"{names[0]}.scale", scales)],
            domain=CONTRIB,
            K=inner,
            N=outputs,
            bits=4,
            block_size=self.block,
            accuracy_level=4,  # int8 activations
        )


def stack(bits: int, block: int, layers: int) -> tuple[onnxruntime.InferenceSession, float]:
    """The products of so many layers behind one another, and megabytes with the embedding."""
    width, inner = SHIPPED.width, SHIPPED.feed_forward
    keys = 2 * SHIPPED.key_value_heads * width // SHIPPED.heads
    shapes = {"qkv": (width + keys, width), "o": (width, width), "gate": (inner, width),
              "up": (inner, width), "down": (width, inner)}  # fmt: skip
    random = np.random.default_rng(0)
    arrays = {
        f"{layer}.{part}": random.standard_normal(shape, np.float32)
        for layer in range(layers)
        for part, shape in shapes.items()
    }
    graph = Graph()
    network = Quantized(graph, arrays) if bits == 8 else FourBits(graph, arrays, block)

    def product(value: str, name: str) -> str:
        rows, scale = network.rows(value, "tokens")
        return network.scaled(network.product(rows, name), scale)

    value = "hidden"
    for layer in range(layers):
        sizes = graph.integers(width, keys)
        queries, _ = graph.ops("Split", [product(value, f"{layer}.qkv"), sizes], 2, axis=-1)
        value = product(queries, f"{layer}.o")
        rows, scale = network.rows(value, "tokens")
        gate, up = (network.product(rows, f"{layer}.{part}") for part in ("gate", "up"))
        wide = graph.op("Mul", [network.scaled(gate, scale), network.scaled(up, scale)])
        value = product(wide, f"{layer}.down")
    graph.op("Identity", [value], "out")
    info = helper.make_tensor_value_info
    ends = [info(name, FLOAT, [1, "n", width]) for name in ("hidden", "out")]
    inputs = [ends[0], info("tokens", INT, [1, "n"])]  # as many as there are rows
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3  # errors
    content = graph.model(inputs, ends[1:]).SerializeToString()
    weights = sum(array.size for array in arrays.values()) + VOCABULARY * width
    # A block's scale has four bytes here; two would do.
    each = bits / 8 + (2 / block if block else 0)
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session, weights * each / 1e6


def main() -> None:
    stacks = [stack(*each) for each in STACKS]
    hidden = np.random.default_rng(1).standard_normal((1, TOKENS, SHIPPED.width), np.float32)
    given = {"hidden": hidden, "tokens": np.zeros((1, TOKENS), np.int64)}
    times: list[list[float]] = [[] for _ in stacks]
    for _ in range(ROUNDS):
        for (session, _), taken in zip(stacks, times, strict=True):
            started = time.perf_counter()
            session.run(["out"], given)
            taken.append(1_000 * (time.perf_counter() - started))
    table = Table("bits", "block", "layers", "MB", "ms", "against the first")
    middle = [statistics.median(taken[WARM:]) for taken in times]
    for (bits, block, layers), (_, size), ms in zip(STACKS, stacks, middle, strict=True):
        ratio = f"{ms / middle[0]:.2f} x"
        table.add_row(
            str(bits), str(block or "row"), str(layers), f"{size:.0f}", f"{ms:.1f}", ratio
        )
    Console().print(table)


if __name__ == "__main__":
    main()
