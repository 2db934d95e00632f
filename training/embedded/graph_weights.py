"""How the graph holds its weights and multiplies by them: in fp32, or int8 by int8.

Activations are quantized by row at run time, and the rows' scales are applied where they cost
least, or nowhere where a norm follows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.embedded.graph_nodes import CONTRIB, FLOAT, Graph

Arrays = Mapping[str, np.ndarray]
INT8_LEVELS = 127
_BLOCK = 256


class Plain:
    """Weights and products in fp32."""

    def __init__(self, graph: Graph, arrays: Arrays) -> None:
        self.graph = graph
        self.arrays = arrays

    def vector(self, name: str) -> str:
        return self.graph.constant(name, self.arrays[name])

    def embedded(self, tokens: str) -> str:
        table = self.graph.constant("embedding", self.arrays["embedding.weight"])
        return self.graph.op("Gather", [table, tokens], axis=0)

    def logits(self, hidden: str) -> str:
        return self.graph.op("MatMul", [hidden, self.graph.transpose("embedding", 1, 0)])

    def rows(self, value: str, count: str) -> tuple[str, str]:
        """A matrix (1, count, width) ready for `product`, and what its rows' results are to be
        multiplied by; there are as many rows as the input `count` has numbers."""
        return value, self.graph.constant("one", 1.0)

    def product(self, rows: str, *names: str) -> str:
        weight = np.concatenate([self.arrays[name] for name in names])
        return self.graph.op("MatMul", [rows, self.graph.constant(names[0], weight.T)])

    def exact(self, value: str, name: str) -> str:
        """A product in fp32, for the few matrices that few levels would spoil."""
        return self.graph.op("MatMul", [value, self.graph.constant(name, self.arrays[name].T)])

    def scaled(self, value: str, scale: str) -> str:
        return value if scale == "one" else self.graph.op("Mul", [value, scale])


class Quantized(Plain):
    """Weights int8 by output, with codes from -levels to levels; activations uint8 by row, sums
    int32."""

    def __init__(self, graph: Graph, arrays: Arrays, levels: int = INT8_LEVELS) -> None:
        super().__init__(graph, arrays)
        self.levels = levels
        self._made: set[str] = set()

    def embedded(self, tokens: str) -> str:
        graph, weight = self.graph, self.arrays["embedding.weight"]
        codes, scale = _int8(weight, self.levels)
        # One table for the lookup and, in blocks with a zero at 128, for the logits.
        blocks = (*weight.shape[:1], -1, _BLOCK if weight.shape[1] % _BLOCK == 0 else 32)
        table = graph.constant(
            "embedding", (codes.astype(np.int16) + 128).reshape(blocks), np.uint8
        )
        found = graph.reshape(graph.op("Gather", [table, tokens], axis=0), 1, -1, weight.shape[1])
        centred = graph.op(
            "Sub", [graph.op("Cast", [found], to=FLOAT), graph.constant("centre", 128.0)]
        )
        scales = graph.op("Gather", [graph.constant("embedding.scale", scale), tokens], axis=0)
        return graph.op("Mul", [centred, graph.op("Unsqueeze", [scales, graph.integers(-1)])])

    def logits(self, hidden: str) -> str:
        vocabulary, blocks, block = self.graph.constants["embedding"].shape
        scales = np.repeat(self.graph.constants["embedding.scale"], blocks)
        return self.graph.op(
            "MatMulNBits",
            [hidden, "embedding", self.graph.constant("embedding.scales", scales)],
            domain=CONTRIB,
            K=blocks * block,
            N=vocabulary,
            bits=8,
            block_size=block,
            accuracy_level=4,  # int8 activations
        )

    def rows(self, value: str, count: str) -> tuple[str, str]:
        graph = self.graph
        # Two axes, the first of one: so the scales have the one axis that is wanted of them.
        axes = graph.integers(0, 2)
        largest = graph.op("ReduceMax", [graph.op("Abs", [value]), axes], keepdims=0)
        # A row of zeros has scale 0 and any codes: its results are zeros again.
        scale = graph.op("Mul", [largest, graph.constant("step", 1 / 127)])
        codes = graph.op("QuantizeLinear", [value, scale, self._zeros(count)], axis=1)
        return codes, graph.op("Unsqueeze", [scale, graph.integers(-1)])

    def _zeros(self, count: str) -> str:
        """The code of zero, for each of the rows; one node serves all products."""
        name = f"zeros_of_{count}"
        if name not in self._made:
            self._made.add(name)
            length = self.graph.op("Size", [count])
            length = self.graph.op("Unsqueeze", [length, self.graph.integers(0)])
            zero = self.graph.constant("zero", 128, np.uint8)
            self.graph.op("Expand", [zero, length], name)
        return name

    def product(self, rows: str, *names: str) -> str:
        weight = np.concatenate([self.arrays[name] for name in names])
        codes, scale = _int8(weight, self.levels)
        table = self.graph.constant(names[0], codes.T, np.int8)
        scales = self.graph.constant(names[0] + ".scale", scale)
        one, zero = self.graph.constant("one", 1.0), self.graph.constant("zero", 128, np.uint8)
        return self.graph.op(
            "MatMulIntegerToFloat", [rows, table, one, scales, zero], domain=CONTRIB
        )

    def scaled(self, value: str, scale: str) -> str:
        return self.graph.op("Mul", [value, scale])


def _int8(weight: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes between -levels and levels, and the scale of each output (row)."""
    scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / levels
    return np.rint(weight / scale[:, None]).astype(np.int8), scale.astype(np.float32)
