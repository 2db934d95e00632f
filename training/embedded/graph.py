"""The embedded network as an ONNX graph that reads prompts and searches names with shared ones.

One graph serves both: without a prompt's cache it reads a whole prompt; with one, several branches
go on from the same prompt, whose keys and values are held once and never copied (a beam's own are
a few tokens).
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


def build(arrays: Arrays, shape: Shape, *, levels: int) -> ModelProto:
    """The graph of `arrays` (names of `Decoder.state_dict`), with int8 products of
    weights whose codes go from -levels to levels, or with fp32 ones where `levels` is 0.

    Inputs, with B branches of S tokens over a prompt of P and R earlier own tokens: `tokens`,
    `positions` (B, S); `mask` (S, R + S), added to scores; `rows`, which of the B * S positions
    give logits; `prompt_keys`, `prompt_values` (layers, groups, P, head); `own_keys`,
    `own_values` (layers, groups, B, R, head). Without a prompt (P = 0) B is 1, R is 0 and the
    mask is not read. Outputs: `logits` (rows, vocabulary), `keys` and `values` of the S tokens
    (layers, groups, B, S, head). The layers of a second tower come behind the others.
    """
    graph = Graph()
    sizes = _sizes(graph, shape)
    network = Quantized(graph, arrays, levels) if levels else Plain(graph, arrays)
    caches: list[tuple[str, str]] = []
    stream = below = Stream(network.embedded("tokens"))
    for index in range(shape.layers):
        if index == shape.tower_from:
            below = stream
        last = index == shape.layers - 1
        stream = _layer(graph, network, shape, sizes, f"layers.{index}.", stream, caches, last)
    hidden, _ = _normed(graph, network, "norm.weight", stream, shape)
    if shape.tower_from:
        other = _tower(graph, network, shape, sizes, below, caches)
        logits = _summed(graph, network, shape, hidden, other)
    else:
        logits = network.logits(hidden)
    graph.op("Identity", [logits], "logits")
    for name, parts in zip(("keys", "values"), zip(*caches, strict=True), strict=True):
        stacked = [graph.op("Unsqueeze", [part, graph.integers(0)]) for part in parts]
        graph.op("Concat", stacked, name, axis=0)
    return graph.model(_inputs(shape), _outputs(shape))


class Stream(NamedTuple):
    """What flows through the layers, and what is still to be added to it."""

    hidden: str
    added: str = ""


def _tower(
    graph: Graph, network: Plain, shape: Shape, sizes: dict[str, str], below: Stream,
    caches: list[tuple[str, str]],
) -> str:  # fmt: skip
    """What the second tower ends with."""
    hidden = graph.op("Add", list(below)) if below.added else below.hidden
    stream = Stream(network.exact(hidden, "tower.into.weight"))
    for index in range(shape.tower_layers):
        prefix, last = f"tower.layers.{index}.", index == shape.tower_layers - 1
        stream = _layer(graph, network, shape, sizes, prefix, stream, caches, last)
    hidden, _ = _normed(graph, network, "tower.norm.weight", stream, shape)
    return network.exact(hidden, "tower.out.weight")


def _summed(graph: Graph, network: Plain, shape: Shape, *hidden: str) -> str:
    """The logarithm of the sum of the towers' probabilities; the table is read once for all."""
    shares = graph.op("Softmax", [network.logits(graph.op("Concat", hidden, axis=0))], axis=-1)
    shares = graph.reshape(shares, len(hidden), -1, shape.vocabulary)
    total = graph.op("ReduceSum", [shares, graph.integers(0)], keepdims=0)
    return graph.op("Log", [graph.op("Max", [total, graph.constant("tiny", 1e-37)])])


def _layer(
    graph: Graph, network: Plain, shape: Shape, sizes: dict[str, str], prefix: str, stream: Stream,
    caches: list[tuple[str, str]], last: bool,
) -> Stream:  # fmt: skip
    """The stream after a layer, whose new keys and values are added to the caches."""
    normed, hidden = _normed(graph, network, prefix + "attention.norm.weight", stream, shape)
    seen, key, value = _attention(graph, network, shape, sizes, prefix, len(caches), normed)
    caches.append((key, value))
    if last:  # nobody looks at the others from here on
        seen, hidden = (graph.op("Gather", [part, "rows"], axis=0) for part in (seen, hidden))
    rows, scale = network.rows(seen)
    added = network.scaled(network.product(rows, prefix + "attention.o.weight"), scale)
    name = prefix + "feed_forward."
    stream = Stream(hidden, added)
    normed, hidden = _normed(graph, network, name + "norm.weight", stream, shape)
    rows, scale = network.rows(normed)
    gate = network.scaled(network.product(rows, name + "gate.weight"), scale)
    inner = graph.op("QuickGelu", [gate], domain=CONTRIB, alpha=1.0)  # that is SiLU
    # The scale of `up` goes through the product with the gate, and is applied at the narrow end.
    inner = graph.op("Mul", [inner, network.product(rows, name + "up.weight")])
    rows, inner_scale = network.rows(inner)
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


def _attention(
    graph: Graph, network: Plain, shape: Shape, sizes: dict[str, str], layer: str, index: int,
    normed: str,
) -> tuple[str, str, str]:  # fmt: skip
    """What the heads see (B * S, width), and the new keys and values (groups, B, S, head); `index`
    is the layer's in the caches."""
    heads, groups, head = shape.heads, shape.key_value_heads, shape.head_width
    prefix = f"{layer}attention."
    rows, scale = network.rows(normed)
    product = network.product(rows, *(f"{prefix}{part}.weight" for part in "qkv"))
    split = graph.integers((heads + groups) * head, groups * head)
    turned, value = graph.ops("Split", [product, split], 2, axis=-1)
    value = network.scaled(value, scale)
    # No scale for queries and keys: their norm takes it out again.
    turned = graph.reshape(turned, -1, heads + groups, head)
    ones = graph.constant("ones", np.ones(head))
    turned = _rms_norm(graph, turned, ones, shape.norm_epsilon)
    query_norm = network.arrays[prefix + "q_norm.weight"] / np.sqrt(head)
    norms = [query_norm] * heads + [network.arrays[prefix + "k_norm.weight"]] * groups
    turned = graph.op("Mul", [turned, graph.constant(prefix + "norms", norms)])
    outer, graph.nodes = graph.nodes, []
    names = _over_prompt(graph, shape, sizes, index, turned, value)
    over_prompt = graph.branch(f"over_prompt_{index}", graph.nodes, names)
    graph.nodes = []
    whole_prompt = _both_ways if shape.both_ways else _whole
    names = whole_prompt(graph, shape, turned, value)
    whole = graph.branch(f"whole_{index}", graph.nodes, names)
    graph.nodes = outer
    seen, keys, values = graph.ops(
        "If", ["has_prompt"], 3, then_branch=over_prompt, else_branch=whole
    )
    return seen, keys, values


def _whole(graph: Graph, shape: Shape, turned: str, value: str) -> list[str]:
    """Attention within a prompt that is read for the first time."""
    heads, groups, head = shape.heads, shape.key_value_heads, shape.head_width
    query, key = graph.ops("Split", [turned, graph.integers(heads, groups)], 2, axis=1)
    wide, narrow = heads * head, groups * head
    seen, keys, values = graph.ops(
        "GroupQueryAttention",
        [
            graph.reshape(query, 1, -1, wide),
            graph.reshape(key, 1, -1, narrow),
            graph.reshape(value, 1, -1, narrow),
            "", "", "last_position", "prompt_total", "cosines", "sines",
        ],
        3,
        domain=CONTRIB,
        num_heads=heads,
        kv_num_heads=groups,
        do_rotary=1,
        scale=1.0,
    )  # fmt: skip
    return [
        graph.reshape(seen, -1, wide),
        graph.transpose(keys, 1, 0, 2, 3),
        graph.transpose(values, 1, 0, 2, 3),
    ]


def _both_ways(graph: Graph, shape: Shape, turned: str, value: str) -> list[str]:
    """The same where each token sees the whole prompt, for which there is no fused operator."""
    heads, groups, head = shape.heads, shape.key_value_heads, shape.head_width
    turned = graph.transpose(graph.reshape(turned, 1, -1, heads + groups, head), 0, 2, 1, 3)
    turned = graph.op("RotaryEmbedding", [turned, "positions", "cosines", "sines"], domain=CONTRIB)
    query, key = graph.ops("Split", [turned, graph.integers(heads, groups)], 2, axis=1)
    key = graph.transpose(key, 1, 0, 2, 3)
    value = graph.transpose(graph.reshape(value, 1, -1, groups, head), 2, 0, 1, 3)
    queries = graph.reshape(query, groups, -1, head)
    scores = graph.op(
        "MatMul", [queries, graph.reshape(graph.transpose(key, 0, 1, 3, 2), groups, head, -1)]
    )
    share = graph.op("Softmax", [scores], axis=-1)
    seen = graph.op("MatMul", [share, graph.reshape(value, groups, -1, head)])
    seen = graph.op("Reshape", [seen, graph.join(heads, "length", head)])
    return [
        graph.reshape(graph.transpose(seen, 1, 0, 2), -1, heads * head),
        graph.op("Identity", [key]),
        graph.op("Identity", [value]),
    ]


def _over_prompt(
    graph: Graph, shape: Shape, sizes: dict[str, str], index: int, turned: str, value: str
) -> list[str]:
    """Attention of the branches to the prompt they share and to their own tokens."""
    heads, groups, head = shape.heads, shape.key_value_heads, shape.head_width
    cube = graph.join("branches", "length", heads + groups, head)
    turned = graph.transpose(graph.op("Reshape", [turned, cube]), 0, 2, 1, 3)
    turned = graph.op("RotaryEmbedding", [turned, "positions", "cosines", "sines"], domain=CONTRIB)
    query, key = graph.ops("Split", [turned, graph.integers(heads, groups)], 2, axis=1)
    key = graph.transpose(key, 1, 0, 2, 3)
    value = graph.op("Reshape", [value, graph.join("branches", "length", groups, head)])
    value = graph.transpose(value, 2, 0, 1, 3)
    query = graph.op("Reshape", [query, graph.join("branches", groups, -1, head)])
    query = graph.transpose(query, 1, 0, 2, 3)
    layer = graph.constant(f"layer_{index}", index, np.int64)
    prompt_key, prompt_value, own_key, own_value = (
        graph.op("Gather", [name, layer], axis=0)
        for name in ("prompt_keys", "prompt_values", "own_keys", "own_values")
    )
    own_key = graph.op("Concat", [own_key, key], axis=2)
    own_value = graph.op("Concat", [own_value, value], axis=2)
    to_prompt = graph.op(
        "MatMul", [graph.reshape(query, groups, -1, head), graph.transpose(prompt_key, 0, 2, 1)]
    )
    to_own = graph.op("MatMul", [query, graph.transpose(own_key, 0, 1, 3, 2)])
    to_own = graph.op("Add", [graph.op("Reshape", [to_own, sizes["to_own"]]), "mask"])
    to_prompt = graph.op("Reshape", [to_prompt, sizes["to_prompt"]])
    share = graph.op("Softmax", [graph.op("Concat", [to_prompt, to_own], axis=-1)], axis=-1)
    of_prompt, of_own = graph.ops("Split", [share, "share_sizes"], 2, axis=-1)
    of_prompt = graph.op("Reshape", [of_prompt, sizes["of_prompt"]])
    of_own = graph.op("Reshape", [of_own, sizes["of_own"]])
    seen = [
        graph.op("Reshape", [graph.op("MatMul", [weights, values]), sizes["seen"]])
        for weights, values in ((of_prompt, prompt_value), (of_own, own_value))
    ]
    together = graph.transpose(graph.op("Add", seen), 1, 3, 0, 2, 4)
    return [
        graph.reshape(together, -1, heads * head),
        graph.op("Identity", [key]),
        graph.op("Identity", [value]),
    ]


def _sizes(graph: Graph, shape: Shape) -> dict[str, str]:
    """What all layers share: sizes of the inputs, shapes made of them, the rotary tables."""
    groups, each = shape.key_value_heads, shape.heads // shape.key_value_heads
    half = shape.head_width // 2
    steps = shape.rotary_base ** -(np.arange(half) / half)
    angles = np.arange(POSITIONS)[:, None] * steps
    graph.constant("cosines", np.cos(angles))
    graph.constant("sines", np.sin(angles))
    graph.op("Shape", ["tokens"], "branches", start=0, end=1)
    graph.op("Shape", ["tokens"], "length", start=1, end=2)
    graph.op("Shape", ["prompt_keys"], "prompt_length", start=2, end=3)
    graph.op("Shape", ["mask"], "own_length", start=1, end=2)
    graph.op("Concat", ["prompt_length", "own_length"], "share_sizes", axis=0)
    some = graph.op("Greater", ["prompt_length", graph.integers(0)])
    graph.op("Squeeze", [some], "has_prompt")
    total = graph.op("Cast", ["length"], to=TensorProto.INT32)
    graph.op("Sub", [total, graph.constant("one_less", [1], np.int32)], "last_position")
    graph.op("Squeeze", [total], "prompt_total")
    queries = graph.op("Mul", ["length", graph.integers(each)])
    all_queries = graph.op("Mul", ["branches", queries])
    return {
        "to_own": graph.join(groups, "branches", each, "length", -1),
        "to_prompt": graph.join(groups, "branches", each, "length", "prompt_length"),
        "of_prompt": graph.join(groups, all_queries, "prompt_length"),
        "of_own": graph.join(groups, "branches", queries, "own_length"),
        "seen": graph.join(groups, "branches", each, "length", shape.head_width),
    }


def _inputs(shape: Shape) -> list[Any]:
    layers = shape.layers + shape.tower_layers
    groups, head = shape.key_value_heads, shape.head_width
    info = helper.make_tensor_value_info
    return [
        info("tokens", INT, ["branches", "length"]),
        info("positions", INT, ["branches", "length"]),
        info("mask", FLOAT, ["length", "own"]),
        info("rows", INT, ["rows"]),
        *(info(n, FLOAT, [layers, groups, "prompt", head]) for n in _cache("prompt")),
        *(info(n, FLOAT, [layers, groups, "branches", "earlier", head]) for n in _cache("own")),
    ]


def _outputs(shape: Shape) -> list[Any]:
    layers = shape.layers + shape.tower_layers
    cache = [layers, shape.key_value_heads, "branches", "length", shape.head_width]
    info = helper.make_tensor_value_info
    return [
        info("logits", FLOAT, ["rows", shape.vocabulary]),
        info("keys", FLOAT, cache),
        info("values", FLOAT, cache),
    ]


def _cache(owner: str) -> tuple[str, str]:
    return f"{owner}_keys", f"{owner}_values"
