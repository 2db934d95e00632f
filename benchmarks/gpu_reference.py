"""transformers' own beam search on the same weights: what the worker's search is measured against.

The same tokens are allowed by the worker's grammar, given as a logits processor; scores are sums of
log-probabilities (`length_penalty=0`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from server.predictors.worker.engine import Prompt
from server.predictors.worker.grammar import Grammar
from server.predictors.worker.linear import Group
from server.predictors.worker.network import Network
from server.predictors.worker.nf4 import Packed
from server.predictors.worker.search import Hypothesis


class Allowed:
    """A logits processor that lets a grammar's tokens through; no prompt's length may differ."""

    def __init__(self, grammar: Grammar, start: int, length: int) -> None:
        self._grammar = grammar
        self._start = start
        self._length = length

    def __call__(self, tokens: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        grammar = self._grammar
        states = torch.full((len(tokens),), self._start, device=tokens.device)
        for slot in range(self._length, tokens.shape[1]):
            states = grammar.following[states, tokens[:, slot]]
        return scores.masked_fill(~grammar.allowed[states], float("-inf"))


def comparable(grammar: Grammar) -> Grammar:
    """The same without a token for the space before a name: `generate` would end there."""
    allowed = grammar.allowed.clone()
    allowed[1:, grammar.ends] = False
    return replace(grammar, allowed=allowed)


def generate(
    model: Any, prompt: Prompt, grammar: Grammar, beams: int, steps: int
) -> list[Hypothesis]:
    """The best `beams` hypotheses of `model.generate`, best first."""
    from transformers import LogitsProcessorList

    device = model.device
    tokens = torch.tensor([list(prompt.tokens)], device=device)
    ends = grammar.ends.nonzero().view(-1).tolist()
    found = model.generate(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        max_new_tokens=steps,
        num_beams=beams,
        num_return_sequences=beams,
        do_sample=False,
        length_penalty=0.0,
        early_stopping=False,
        eos_token_id=ends,
        pad_token_id=ends[0],
        logits_processor=LogitsProcessorList([Allowed(grammar, prompt.start, tokens.shape[1])]),
        return_dict_in_generate=True,
        output_scores=True,
    )
    rows = found.sequences[:, tokens.shape[1] :].tolist()
    return [
        _hypothesis(row, score, set(ends))
        for row, score in zip(rows, found.sequences_scores.tolist(), strict=True)
        if score > -1e8
    ]


def _hypothesis(row: Sequence[int], score: float, ends: set[int]) -> Hypothesis:
    for index, token in enumerate(row):
        if token in ends:
            return Hypothesis(tuple(row[: index + 1]), score, True)
    return Hypothesis(tuple(row), score, False)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two searches found the same set, and how far apart their scores are."""

    prompts: int
    equal_sets: float
    overlap: float
    median_apart: float
    most_apart: float

    def told(self) -> str:
        """One line."""
        return (
            f"{100 * self.equal_sets:.1f}% of {self.prompts} sets equal,"
            f" {100 * self.overlap:.1f}% of candidates shared; log-probabilities apart:"
            f" median {self.median_apart:.4f}, most {self.most_apart:.4f}"
        )


def compare(
    ours: Sequence[Sequence[Hypothesis]], theirs: Sequence[Sequence[Hypothesis]]
) -> Agreement:
    """Compare by tokens; scores of candidates that both found."""
    equal = shared = total = 0
    apart: list[float] = []
    for one, other in zip(ours, theirs, strict=True):
        first = {each.tokens: each.log_probability for each in one}
        second = {each.tokens: each.log_probability for each in other}
        equal += first.keys() == second.keys()
        common = first.keys() & second.keys()
        shared += len(common)
        total += len(second)
        apart += [abs(first[key] - second[key]) for key in common]
    apart.sort()
    return Agreement(
        len(ours),
        equal / max(len(ours), 1),
        shared / max(total, 1),
        apart[len(apart) // 2] if apart else float("nan"),
        apart[-1] if apart else float("nan"),
    )


def in_float32(network: Network) -> Network:
    """The same weights in float32, adapters merged."""

    def plain(group: Group) -> Group:
        weight = group.weight
        weight = weight.restore(torch.float32) if isinstance(weight, Packed) else weight.float()
        if group.adapter is not None:
            rank, start = group.adapter.rank, 0
            for number, end in enumerate(group.ends):
                down = group.adapter.downs[number * rank : (number + 1) * rank].float()
                weight[start:end] += group.adapter.ups[start:end].float() @ down
                start = end
        bias = None if group.bias is None else group.bias.float()
        return Group(weight, group.ends, bias)

    layers = [
        replace(
            layer,
            qkv=plain(layer.qkv),
            output=plain(layer.output),
            gate_up=plain(layer.gate_up),
            down=plain(layer.down),
        )
        for layer in network.layers
    ]
    return replace(
        network,
        layers=layers,
        embedding=network.embedding.float(),
        head=network.head.float(),
        kind=torch.float32,
    )


def as_transformers(base: Path, network: Network) -> Any:
    """transformers' own model around the weights of a network in float32, without copying them."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(base))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    state: dict[str, torch.Tensor] = {
        "model.embed_tokens.weight": network.embedding,
        "model.norm.weight": network.norm,
        "lm_head.weight": network.head,
    }
    for index, layer in enumerate(network.layers):
        stem = f"model.layers.{index}"
        state[f"{stem}.input_layernorm.weight"] = layer.attention_norm
        state[f"{stem}.post_attention_layernorm.weight"] = layer.inner_norm
        if layer.query_norm is not None and layer.key_norm is not None:
            state[f"{stem}.self_attn.q_norm.weight"] = layer.query_norm
            state[f"{stem}.self_attn.k_norm.weight"] = layer.key_norm
        for group, names in (
            (layer.qkv, ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
            (layer.output, ("self_attn.o_proj",)),
            (layer.gate_up, ("mlp.gate_proj", "mlp.up_proj")),
            (layer.down, ("mlp.down_proj",)),
        ):
            start = 0
            for name, end in zip(names, group.ends, strict=True):
                assert isinstance(group.weight, torch.Tensor)
                state[f"{stem}.{name}.weight"] = group.weight[start:end]
                start = end
    model.load_state_dict(state, strict=True, assign=True)
    # Frequencies are a buffer that no checkpoint holds.
    model.model.rotary_emb = type(model.model.rotary_emb)(config).to(network.device)
    return model.eval()
