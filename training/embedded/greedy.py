"""Greedy names of a network in torch, and what the actual names cost it: many prompts at once,
to compare networks that are not exported. The server's search finds better names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from server.predictors.embedded_prompt import MAX_NAME_TOKENS
from training.embedded.grouping import of_like_length
from training.embedded.model import Decoder, compute_dtype

# Cells of a batch's attention mask, which grow with the square of a prompt's length.
_CELLS = {"cpu": 4_000_000, "cuda": 64_000_000}


class Answer(NamedTuple):
    """Token ids of the likeliest name, step by step, and the actual name's loss in nats."""

    ids: list[int]
    loss: float


class _Cache:
    """Attention over all that was read so far, layer by layer; `visible` (rows, 1, queries, keys)
    says of what comes next which keys its queries see."""

    def __init__(self) -> None:
        self.kept: list[tuple[Tensor, Tensor]] = []
        self.visible = torch.empty(0)
        self.layer = 0

    def begin(self, visible: Tensor) -> None:
        """What follows passes all layers once more, from the first on."""
        self.visible, self.layer = visible, 0

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if self.layer == len(self.kept):
            self.kept.append((k, v))
        else:
            k, v = (torch.cat(pair, 1) for pair in zip(self.kept[self.layer], (k, v), strict=True))
            self.kept[self.layer] = k, v
        self.layer += 1
        groups = q.shape[2] // k.shape[2]
        k, v = (x.repeat_interleave(groups, 2).transpose(1, 2) for x in (k, v))
        out = functional.scaled_dot_product_attention(
            q.transpose(1, 2), k, v, attn_mask=self.visible
        )
        return out.transpose(1, 2)


@torch.inference_mode()
def answers(
    model: Decoder, prompts: Sequence[Sequence[int]], names: Sequence[Sequence[int]], end: int
) -> list[Answer]:
    """The answers to all prompts, in their order; `names` are the actual ones, ended by `end`."""
    model.eval()
    found: list[Answer] = [Answer([], 0.0)] * len(prompts)
    lengths = [len(prompt) + MAX_NAME_TOKENS + 1 for prompt in prompts]
    most = _CELLS[model.embedding.weight.device.type]
    for group in of_like_length(lengths, lambda length: length * length, most):
        chosen = [prompts[index] for index in group]
        losses = _losses(model, chosen, [names[index] for index in group])
        ids = _greedy(model, chosen, end)
        for index, one, loss in zip(group, ids, losses, strict=True):
            found[index] = Answer(one, loss)
    return found


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens (rows, length), padded in front, and how many of each row are padding."""
    length = max(map(len, rows))
    tokens = torch.tensor([[0] * (length - len(row)) + list(row) for row in rows])
    padding = torch.tensor([length - len(row) for row in rows])
    return tokens.to(device), padding.to(device)


def _read(model: Decoder, tokens: Tensor, padding: Tensor, cache: _Cache, ends: Tensor) -> Tensor:
    """Hidden states of rows (rows, length) whose prompts end before the places `ends`."""
    places = torch.arange(tokens.shape[1], device=tokens.device)
    seen = (places[:, None] >= places[None])[None]
    if model.shape.both_ways:
        asked = places[None] < ends[:, None]
        seen = seen | (asked[:, :, None] & asked[:, None])
    real = places[None] >= padding[:, None]
    # A place of padding sees itself, so that no softmax is over nothing.
    itself = torch.eye(len(places), dtype=torch.bool, device=tokens.device)
    cache.begin((seen & real[:, None] | itself[None])[:, None])
    positions = (places[None] - padding[:, None]).clamp(min=0)
    return model(tokens, positions, cache, compute_dtype(tokens.device))


def _greedy(model: Decoder, prompts: Sequence[Sequence[int]], end: int) -> list[list[int]]:
    device = model.embedding.weight.device
    tokens, padding = _padded(prompts, device)
    length, cache = tokens.shape[1], _Cache()
    hidden = _read(model, tokens, padding, cache, torch.full_like(padding, length))[:, -1:]
    found: list[list[int]] = [[] for _ in prompts]
    going = [True] * len(prompts)
    for step in range(MAX_NAME_TOKENS):
        best = model.logits(hidden).float().argmax(-1)
        for row, token in enumerate(best[:, 0].tolist()):
            going[row] = going[row] and token != end
            if going[row]:
                found[row].append(token)
        if not any(going) or step + 1 == MAX_NAME_TOKENS:
            break
        places = torch.arange(length + step + 1, device=device)
        cache.begin((places[None] >= padding[:, None])[:, None, None])
        positions = (length + step - padding)[:, None]
        hidden = model(best, positions, cache, compute_dtype(device))
    return found


def _losses(
    model: Decoder, prompts: Sequence[Sequence[int]], names: Sequence[Sequence[int]]
) -> list[float]:
    """What each actual name costs, in nats; its tokens stand behind the prompt."""
    device = model.embedding.weight.device
    rows = [[*prompt, *name] for prompt, name in zip(prompts, names, strict=True)]
    tokens, padding = _padded(rows, device)
    lengths = torch.tensor([len(name) for name in names], device=device)
    hidden = _read(model, tokens, padding, _Cache(), tokens.shape[1] - lengths)
    room = max(map(len, names))
    logits = model.logits(hidden[:, -room - 1 : -1]).float()
    targets = tokens[:, -room:]
    costs = functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    counted = torch.arange(room, device=device)[None] >= room - lengths[:, None]
    return (costs * counted).sum(1).tolist()
