"""Nodes and constants of an ONNX graph, by short names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

# Operators beside the standard's: documented with ONNX Runtime ("contrib operators").
CONTRIB = "com.microsoft"
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
_STANDARD_VERSION, _CONTRIB_VERSION, _IR_VERSION = 18, 1, 9


class Graph:
    """Nodes in order, and the constants they read."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self._count = 0

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.constants[name] = np.array(value, dtype=dtype, order="C")
        return name

    def integers(self, *values: int) -> str:
        return self.constant("_".join(["int", *map(str, values)]), values, np.int64)

    def node(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        """A node whose outputs have names of their own."""
        domain = attributes.pop("domain", "")
        self.nodes.append(
            helper.make_node(kind, list(inputs), list(outputs), domain=domain, **attributes)
        )

    def ops(self, kind: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        self._count += 1
        names = [f"{kind}_{self._count}_{index}" for index in range(outputs)]
        self.node(kind, inputs, names, **attributes)
        return names

    def op(self, kind: str, inputs: Sequence[str], name: str = "", **attributes: Any) -> str:
        self._count += 1
        name = name or f"{kind}_{self._count}"
        self.node(kind, inputs, [name], **attributes)
        return name

    def reshape(self, value: str, *shape: int) -> str:
        return self.op("Reshape", [value, self.integers(*shape)])

    def transpose(self, value: str, *order: int) -> str:
        return self.op("Transpose", [value], perm=order)

    def model(self, inputs: list[Any], outputs: list[Any]) -> ModelProto:
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "namewright", inputs, outputs, constants)
        opsets = [
            helper.make_opsetid("", _STANDARD_VERSION),
            helper.make_opsetid(CONTRIB, _CONTRIB_VERSION),
        ]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
