"""The embedded network as an ONNX graph that reads prompts and goes on from them.

One graph serves both: a prompt's tokens follow an empty cache, and those of several names at once
follow the prompt's as one sequence, in which a mask keeps each name to its own tokens (tree
attention, arXiv 2305.09781). So the prompt's keys and values are held once, for all names.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from onnx import ModelProto, TensorProto, helper

from training.embedded.graph_nodes import CONTRIB, FLOAT, INT, Graph
from training.embedded.graph_weights import Arrays, Plain, Quantized
from training.embedded.model import Shape

# Longest prompt and name together; `server.predictors.embedded_prompt` stays well below.
POSITIONS = 1_024
BOTH_WAYS = "both_ways"


def build(arrays: Arrays, shape: Shape, *, levels: int) -> ModelProto:
    """The graph of `arrays` (names of `Decoder.state_dict`), with int8 products of
    weights whose codes go from -levels to levels, or with fp32 ones where `levels` is 0.

    Inputs, with S tokens after P earlier ones: `tokens`, `positions` (1, S); `mask` (S, P + S),
    added to scores; `rows`, which of the S give logits; `past_keys_N`, `past_values_N` (1, groups,
    P, head) of layer N, the layers of a second tower behind the others. Outputs: `logits` (rows,
    vocabulary); `keys_N`, `values_N` (1, groups, P + S, head). No token sees a later one; a network
    that reads both ways leaves that to the mask.
    """
    graph = Graph()
    _prepare(graph, shape)
    network = Quantized(graph, arrays, levels) if levels else Plain(graph, arrays)
    stream = below = Stream(network.embedded("tokens"))
    for index in range(shape.layers):
        if index == shape.tower_from:
            below = stream
        place = Place(index, f"layers.{index}.", last=index == shape.layers - 1)
        stream = _layer(graph, network, shape, place, stream)
    hidden, _ = _normed(graph, network, "norm.weight", stream, shape)
    if shape.tower_from:
        other = _tower(graph, network, shape, below)
        logits = _summed(graph, network, shape, hidden, other)
    else:
        logits = network.logits(hidden)
    graph.op("Reshape", [logits, graph.integers(-1, shape.vocabulary)], "logits")
    model = graph.model(_inputs(shape), _outputs(shape))
    helper.set_model_props(model, {BOTH_WAYS: str(shape.both_ways)})
    return model


class Stream(NamedTuple):
    """What flows through the layers, and what is still to be added to it."""

    hidden: str
    added: str = ""


class Place(NamedTuple):
    """Where a layer stands: its number among the caches, its weights' prefix, whether it is the
    last of its tower, of which only the rows that give logits are wanted."""

    cache: int
    prefix: str
    last: bool


def _tower(graph: Graph, network: Plain, shape: Shape, below: Stream) -> str:
    """What the second tower ends with."""
    hidden = graph.op("Add", list(below)) if below.added else below.hidden
    stream = Stream(network.exact(hidden, "tower.into.weight"))
    for index in range(shape.tower_layers):
        last = index == shape.tower_layers - 1
        place = Place(shape.layers + index, f"tower.layers.{index}.", last)
        stream = _layer(graph, network, shape, place, stream)
    hidden, _ = _normed(graph, network, "tower.norm.weight", stream, shape)
    return network.exact(hidden, "tower.out.weight")


def _summed(graph: Graph, network: Plain, shape: Shape, *hidden: str) -> str:
    """The logarithm of the sum of the towers' probabilities; the table is read once for all."""
    shares = graph.op("Softmax", [network.logits(graph.op("Concat", hidden, axis=0))], axis=-1)
    total = graph.op("ReduceSum", [shares, graph.integers(0)], keepdims=0)
    return graph.op("Log", [graph.op("Max", [total, graph.constant("tiny", 1e-37)])])


def _layer(graph: Graph, network: Plain, shape: Shape, place: Place, stream: Stream) -> Stream:
    """The stream after a layer."""
    normed, hidden = _normed(graph, network, place.prefix + "attention.norm.weight", stream, shape)
    seen = _attention(graph, network, shape, place, normed)
    count = "rows" if place.last else "tokens"
    if place.last:
        hidden = graph.op("Gather", [hidden, "rows"], axis=1)
    rows, scale = network.rows(seen, count)
    added = network.scaled(network.product(rows, place.prefix + "attention.o.weight"), scale)
    name = place.prefix + "feed_forward."
    stream = Stream(hidden, added)
    normed, hidden = _normed(graph, network, name + "norm.weight", stream, shape)
    rows, scale = network.rows(normed, count)
    gate = network.scaled(network.product(rows, name + "gate.weight"), scale)
    inner = graph.op("QuickGelu", [gate], domain=CONTRIB, alpha=1.0)  # that is SiLU
    # The scale of `up` goes through the product with the gate, and is applied at the narrow end.
    inner = graph.op("Mul", [inner, network.product(rows, name + "up.weight")])
    rows, inner_scale = network.rows(inner, count)
    both = inner_scale if scale == "one" else graph.op("Mul", [scale, inner_scale])
    return Stream(hidden, network.scaled(network.product(rows, name + "down.weight"), both))


def _normed(
    graph: Graph, network: Plain, name: str, stream: Stream, shape: Shape
) -> tuple[str, str]:
    """RMSNorm of the stream with what is to be added to it, and that sum."""
    weight, epsilon = network.vector(name), shape.norm_epsilon
    if not stream.added:
        return _rms_norm(graph, stream.hidden, weight, epsilon), stream.hidden
    normed, _, _, total = graph.ops(
        "SkipSimplifiedLayerNormalization",
        [*stream, weight],
        4,
        domain=CONTRIB,
        epsilon=epsilon,
    )
    return normed, total


def _rms_norm(graph: Graph, value: str, weight: str, epsilon: float) -> str:
    return graph.op(
        "SimplifiedLayerNormalization", [value, weight], axis=-1, epsilon=epsilon, stash_type=1
    )


def _attention(graph: Graph, network: Plain, shape: Shape, place: Place, normed: str) -> str:
    """What the heads see (1, S or rows, width)."""
    heads, groups, head = shape.heads, shape.key_value_heads, shape.head_width
    prefix = f"{place.prefix}attention."
    rows, scale = network.rows(normed, "tokens")
    product = network.product(rows, *(f"{prefix}{part}.weight" for part in "qkv"))
    split = graph.integers((heads + groups) * head, groups * head)
    turned, value = graph.ops("Split", [product, split], 2, axis=-1)
    value = network.scaled(value, scale)
    # No scale for queries and keys: their norm takes it out again.
    turned = graph.reshape(turned, 1, -1, heads + groups, head)
    ones = graph.constant("ones", np.ones(head))
    turned = _rms_norm(graph, turned, ones, shape.norm_epsilon)
    query_norm = network.arrays[prefix + "q_norm.weight"] / np.sqrt(head)
    norms = [query_norm] * heads + [network.arrays[prefix + "k_norm.weight"]] * groups
    turned = graph.op("Mul", [turned, graph.constant(prefix + "norms", norms)])
    if place.last or shape.both_ways:
        return _masked(graph, shape, place, turned, value)
    turned = graph.reshape(turned, 1, -1, (heads + groups) * head)
    split = graph.integers(heads * head, groups * head)
    query, key = graph.ops("Split", [turned, split], 2, axis=-1)
    seen, keys, values = f"seen_{place.cache}", f"keys_{place.cache}", f"values_{place.cache}"
    graph.node(
        "GroupQueryAttention",
        [
            query, key, value, f"past_{keys}", f"past_{values}", "last_position", "total",
            "cosines", "sines", "positions", "scores_mask",
        ],
        [seen, keys, values],
        domain=CONTRIB,
        num_heads=heads,
        kv_num_heads=groups,
        do_rotary=1,
        scale=1.0,
    )  # fmt: skip
    return seen


def _masked(graph: Graph, shape: Shape, place: Place, turned: str, value: str) -> str:
    """Attention that the mask alone restricts, of all tokens or of the rows that give logits."""
    heads, groups, head = shape.heads, shape.key_value_heads, shape.head_width
    keys, values = f"keys_{place.cache}", f"values_{place.cache}"
    turned = graph.transpose(turned, 0, 2, 1, 3)
    turned = graph.op("RotaryEmbedding", [turned, "positions", "cosines", "sines"], domain=CONTRIB)
    query, key = graph.ops("Split", [turned, graph.integers(heads, groups)], 2, axis=1)
    value = graph.transpose(graph.reshape(value, 1, -1, groups, head), 0, 2, 1, 3)
    graph.op("Concat", [f"past_{keys}", key], keys, axis=2)
    graph.op("Concat", [f"past_{values}", value], values, axis=2)
    mask = "scores_mask"
    if place.last:
        query, mask = (graph.op("Gather", [part, "rows"], axis=2) for part in (query, mask))
    # (groups, heads of a group, queries, head): the mask is the same for all heads.
    each = heads // groups
    query = graph.reshape(query, groups, each, -1, head)
    key, value = (graph.transpose(part, 1, 0, 2, 3) for part in (keys, values))
    scores = graph.op("MatMul", [query, graph.transpose(key, 0, 1, 3, 2)])
    share = graph.op("Softmax", [graph.op("Add", [scores, mask])], axis=-1)
    seen = graph.op("MatMul", [share, value])
    seen = graph.transpose(graph.reshape(seen, 1, heads, -1, head), 0, 2, 1, 3)
    return graph.reshape(seen, 1, -1, heads * head)


def _prepare(graph: Graph, shape: Shape) -> None:
    """What all layers share: the rotary tables, the mask with a place for heads, the lengths."""
    half = shape.head_width // 2
    steps = shape.rotary_base ** -(np.arange(half) / half)
    angles = np.arange(POSITIONS)[:, None] * steps
    graph.constant("cosines", np.cos(angles))
    graph.constant("sines", np.sin(angles))
    graph.op("Unsqueeze", ["mask", graph.integers(0, 1)], "scores_mask")
    total = graph.op("Cast", [graph.op("Shape", ["mask"], start=1, end=2)], to=TensorProto.INT32)
    graph.op("Sub", [total, graph.constant("one_less", [1], np.int32)], "last_position")
    graph.op("Squeeze", [total], "total")


def _inputs(shape: Shape) -> list[Any]:
    info = helper.make_tensor_value_info
    return [
        info("tokens", INT, [1, "length"]),
        info("positions", INT, [1, "length"]),
        info("mask", FLOAT, ["length", "total"]),
        info("rows", INT, ["rows"]),
        *_caches(shape, "past_", "past"),
    ]


def _outputs(shape: Shape) -> list[Any]:
    logits = helper.make_tensor_value_info("logits", FLOAT, ["rows", shape.vocabulary])
    return [logits, *_caches(shape, "", "total")]


def _caches(shape: Shape, prefix: str, length: str) -> list[Any]:
    """Keys and values of each layer."""
    size = [1, shape.key_value_heads, length, shape.head_width]
    return [
        helper.make_tensor_value_info(f"{prefix}{part}_{layer}", FLOAT, size)
        for layer in range(shape.layers + shape.tower_layers)
        for part in ("keys", "values")
    ]
