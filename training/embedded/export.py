"""Writes the embedded model in CTranslate2's own format (int8, no pickle), from plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ctranslate2.specs import common_spec, transformer_spec

from training.embedded.model import Shape

Arrays = Mapping[str, np.ndarray]


def export(
    arrays: Arrays,
    shape: Shape,
    tokens: Sequence[str],
    out: Path,
    quantization: str | None = "int8",
) -> None:
    """Write the network `arrays` (names of `Decoder.state_dict`) to the folder `out`.

    `tokens` lists the vocabulary by id and begins with padding; `quantization` None keeps fp32.
    """
    spec = transformer_spec.TransformerDecoderModelSpec.from_config(
        shape.layers,
        shape.heads,
        activation=common_spec.Activation.SWISH,
        pre_norm=True,
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=shape.head_width,
        rotary_interleave=False,
        rotary_base=shape.rotary_base,
        num_heads_kv=shape.key_value_heads,
        qk_norm=True,
    )
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = _array(arrays, "embedding.weight")
    decoder.projection.weight = decoder.embeddings.weight
    decoder.layer_norm.gamma = _array(arrays, "norm.weight")
    for index, layer in enumerate(decoder.layer):
        _fill_layer(layer, arrays, f"layers.{index}.")
    spec.config.layer_norm_epsilon = shape.norm_epsilon
    spec.config.unk_token = "<pad>"
    spec.config.bos_token = "<begin>"
    spec.config.eos_token = "<end>"
    spec.register_vocabulary(list(tokens))
    spec.validate()
    spec.optimize(quantization=quantization)
    out.mkdir(parents=True, exist_ok=True)
    spec.save(str(out))


def _fill_layer(
    layer: transformer_spec.TransformerDecoderLayerSpec, arrays: Arrays, prefix: str
) -> None:
    attention = layer.self_attention
    attention.layer_norm.gamma = _array(arrays, prefix + "attention.norm.weight")
    attention.linear[0].weight = np.concatenate(
        [_array(arrays, f"{prefix}attention.{part}.weight") for part in ("q", "k", "v")]
    )
    attention.linear[1].weight = _array(arrays, prefix + "attention.o.weight")
    attention.q_norm.gamma = _array(arrays, prefix + "attention.q_norm.weight")
    attention.k_norm.gamma = _array(arrays, prefix + "attention.k_norm.weight")
    inner = layer.ffn
    inner.layer_norm.gamma = _array(arrays, prefix + "feed_forward.norm.weight")
    inner.linear_0.weight = _array(arrays, prefix + "feed_forward.gate.weight")
    inner.linear_0_noact.weight = _array(arrays, prefix + "feed_forward.up.weight")
    inner.linear_1.weight = _array(arrays, prefix + "feed_forward.down.weight")


def _array(arrays: Arrays, name: str) -> np.ndarray:
    # A copy, since the specification quantises its arrays in place.
    return np.array(arrays[name], dtype=np.float32)
