"""Writes a base model with random weights in the file layout of CodeLlama-7b-Instruct.

For rehearsals where the real weights cannot be had (memory, speed, checkpoints), and for tests:

    python -m training random-base --shape tiny --text server --out runs/tiny-base
    python -m training random-base --shape codellama-7b --text corpus --out runs/random-7b
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from training.errors import TrainingError

# Code Llama, arXiv 2308.12950: the infilling tokens stand so far before the vocabulary's end.
INFILLING = {9: "▁<PRE>", 8: "▁<SUF>", 7: "▁<MID>", 6: "▁<EOT>"}
_SPECIAL = 3 + 256 + 16
_TEXTS = 20_000

# The chat format of Llama 2 (arXiv 2307.09288, appendix A): the system prompt inside the first
# turn, roles in turn, each answer closed by the end token.
CHAT_TEMPLATE = """\
{%- set ns = namespace(system='', turn=0) -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set ns.system = '<<SYS>>\\n' + message.content + '\\n<</SYS>>\\n\\n' -%}
{%- elif (message.role == 'user') != (ns.turn % 2 == 0) -%}
{{ raise_exception('roles must alternate: user, assistant, user, …') }}
{%- else -%}
{%- if message.role == 'user' -%}
{{ bos_token + '[INST] ' + (ns.system + message.content) | trim + ' [/INST]' }}
{%- set ns.system = '' -%}
{%- else -%}
{{ ' ' + message.content | trim + ' ' + eos_token }}
{%- endif -%}
{%- set ns.turn = ns.turn + 1 -%}
{%- endif -%}
{%- endfor -%}"""


@dataclass(frozen=True)
class LlamaShape:
    """Sizes of a Llama, and the most bytes of one file of its weights."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    feed_forward: int
    shard_bytes: int


SHAPES = {
    "codellama-7b": LlamaShape(32_016, 4_096, 32, 32, 11_008, 9_950_000_000),
    "tiny-codellama": LlamaShape(32_016, 64, 2, 4, 128, 5_000_000),
    "tiny": LlamaShape(2_048, 64, 2, 4, 128, 500_000),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument(
        "--text", type=Path, required=True, help="a corpus or a folder of code for the tokenizer"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write the base to")
    parser.add_argument("--seed", type=int, default=1)


def main(arguments: argparse.Namespace) -> int:
    write_base(SHAPES[arguments.shape], arguments.text, arguments.out, arguments.seed)
    print(f"{arguments.shape} with random weights in {arguments.out}")
    return 0


def write_base(shape: LlamaShape, text: Path, out: Path, seed: int) -> None:
    """Write configuration, tokenizer and random weights (bf16, in shards) to the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "config.json", config(shape))
    _write(
        out / "generation_config.json",
        {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2},
    )
    _write_tokenizer(list(islice(_texts(text), _TEXTS)), shape.vocabulary, out)
    _write_weights(shape, out, seed)


def config(shape: LlamaShape) -> dict[str, Any]:
    """What `config.json` says of such a base."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": shape.width,
        "initializer_range": 0.02,
        "intermediate_size": shape.feed_forward,
        "max_position_embeddings": 16_384,
        "model_type": "llama",
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.heads,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": None,
        "rope_theta": 1_000_000,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": shape.vocabulary,
    }


def _texts(path: Path) -> Iterator[str]:
    if any(path.glob("train-*.parquet")):
        from training.finetuning.rows import read_rows

        yield from (f"{row['question_text']}\n{row['name']}" for row in read_rows(path, "train"))
        return
    files = sorted(path.rglob("*.py"))
    if not files:
        raise TrainingError(f"{path}: no train-*.parquet and no Python file; give a corpus or code")
    for file in files:
        yield from file.read_text(encoding="utf-8", errors="replace").split("\n\n")


def _write_tokenizer(texts: list[str], size: int, out: Path) -> None:
    """A SentencePiece-like BPE with byte fallback; the ids of special tokens as published."""
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never")
    learner.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=size - _SPECIAL, show_progress=False, max_token_length=16),
    )
    learnt = json.loads(learner.to_str())["model"]
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces = sorted(learnt["vocab"], key=learnt["vocab"].get)
    vocabulary = {token: index for index, token in enumerate([*special, *pieces])}
    for index in range(len(vocabulary), size):
        vocabulary[INFILLING.get(size - index, f"<unused_{index}>")] = index
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=[tuple(pair) for pair in learnt["merges"]],
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True) for t in ("<unk>", "<s>", "</s>", *INFILLING.values())]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    tokenizer.save(str(out / "tokenizer.json"))
    marks = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    _write(out / "special_tokens_map.json", marks)
    _write(
        out / "tokenizer_config.json",
        {
            **{name: {"__type": "AddedToken", **_added(text)} for name, text in marks.items()},
            "add_bos_token": True,
            "add_eos_token": False,
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "model_max_length": 1000000000000000019884624838656,
            "pad_token": None,
            "sp_model_kwargs": {},
            "tokenizer_class": "CodeLlamaTokenizer",
        },
    )


def _added(text: str) -> dict[str, Any]:
    return {
        "content": text,
        "lstrip": False,
        "normalized": True,
        "rstrip": False,
        "single_word": False,
    }


def _write_weights(shape: LlamaShape, out: Path, seed: int) -> None:
    import torch
    from safetensors.torch import save_file

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator(device).manual_seed(seed)
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    size = total = 0
    for name, dimensions in _tensors(shape):
        length = 2
        for dimension in dimensions:
            length *= dimension
        if size and size + length > shape.shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = dimensions
        size += length
        total += length
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        tensors: dict[str, torch.Tensor] = {}
        for name, dimensions in shard.items():
            if len(dimensions) == 1:
                tensors[name] = torch.ones(dimensions, dtype=torch.bfloat16)
                continue
            drawn = torch.randn(dimensions, generator=generator, device=device) * 0.02
            tensors[name] = drawn.bfloat16().cpu()
        save_file(tensors, out / file, metadata={"format": "pt"})
        places.update(dict.fromkeys(shard, file))
    _write(
        out / "model.safetensors.index.json",
        {"metadata": {"total_size": total}, "weight_map": places},
    )


def _tensors(shape: LlamaShape) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, inner = shape.width, shape.feed_forward
    yield "model.embed_tokens.weight", (shape.vocabulary, width)
    for index in range(shape.layers):
        layer = f"model.layers.{index}."
        for part in ("q", "k", "v", "o"):
            yield f"{layer}self_attn.{part}_proj.weight", (width, width)
        yield f"{layer}mlp.gate_proj.weight", (inner, width)
        yield f"{layer}mlp.up_proj.weight", (inner, width)
        yield f"{layer}mlp.down_proj.weight", (width, inner)
        yield f"{layer}input_layernorm.weight", (width,)
        yield f"{layer}post_attention_layernorm.weight", (width,)
    yield "model.norm.weight", (width,)
    yield "lm_head.weight", (shape.vocabulary, width)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
