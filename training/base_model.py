"""Writes a pretrained run, or the shipped model, as a base that transformers and vLLM read.

The network of `training.embedded` is Qwen 3's (grouped queries, normalised queries and keys, tied
embeddings), so its weights only change their names; the chat format is Llama 2's.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from server.predictors.embedded_prompt import BEGIN, END, PAD
from training.random_base import CHAT_TEMPLATE

if TYPE_CHECKING:
    from training.embedded.model import Shape

_LAYER = {
    "attention.norm": "input_layernorm",
    "attention.q": "self_attn.q_proj",
    "attention.k": "self_attn.k_proj",
    "attention.v": "self_attn.v_proj",
    "attention.o": "self_attn.o_proj",
    "attention.q_norm": "self_attn.q_norm",
    "attention.k_norm": "self_attn.k_norm",
    "feed_forward.norm": "post_attention_layernorm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}


def write_base_model(run: Path, out: Path) -> None:
    """Configuration, tokenizer with a chat template, and bf16 weights of a run or a served model.

    A second tower has no place in that architecture and is left out. Raises WeightsError when
    `run` is neither.
    """
    from safetensors.torch import save_file
    from tokenizers import Tokenizer

    from training.embedded.restore import load_run

    with TemporaryDirectory() as restored:
        model = load_run(run, Path(restored))
    out.mkdir(parents=True, exist_ok=True)
    tensors = {
        _renamed(name): value.bfloat16().contiguous()
        for name, value in model.state_dict().items()
        if not name.startswith("tower.")
    }
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    ids = {token: tokenizer.token_to_id(token) for token in (PAD, BEGIN, END)}
    tokenizer.save(str(out / "tokenizer.json"))
    _write(out / "config.json", _config(model.shape, ids))
    _write(out / "generation_config.json", {"bos_token_id": ids[BEGIN], "eos_token_id": ids[END]})
    _write(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BEGIN,
            "eos_token": END,
            "pad_token": PAD,
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
        },
    )


def _renamed(name: str) -> str:
    if name == "embedding.weight":
        return "model.embed_tokens.weight"
    if name == "norm.weight":
        return "model.norm.weight"
    _, index, rest = name.split(".", 2)
    return f"model.layers.{index}.{_LAYER[rest.removesuffix('.weight')]}.weight"


def _config(shape: Shape, ids: dict[str, int]) -> dict[str, Any]:
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "attention_bias": False,
        "bos_token_id": ids[BEGIN],
        "eos_token_id": ids[END],
        "pad_token_id": ids[PAD],
        "head_dim": shape.head_width,
        "hidden_act": "silu",
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "max_position_embeddings": 4_096,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.key_value_heads,
        "rms_norm_eps": shape.norm_epsilon,
        "rope_theta": shape.rotary_base,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_sliding_window": False,
        "vocab_size": shape.vocabulary,
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
