"""A last, short stage on functions that pre-training never saw, for their answers alone.

Several passes over one corpus teach its names by heart: the answers' loss goes on falling there
and rises elsewhere. A single pass over unseen repositories with small steps takes that back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from server.predictors.embedded_prompt import FIELDS, Vocabulary
from training.embedded.attention import prompt_attention
from training.embedded.encoding import Encoded
from training.embedded.grouping import of_like_length
from training.embedded.model import Decoder, causal_attention, compute_dtype
from training.embedded.packing import example_tokens
from training.embedded.schedule import Refresh

# Padding in a batch is wasted work: functions of about equal length share one, of so many tokens.
_TOKENS = {"cpu": 3_072, "cuda": 49_152}
_WARMUP_STEPS = 10
_LOG_STEPS = 10
_HELD_OUT_STEPS = 250

Pair = tuple[list[int], list[int]]


def refresh(
    model: Decoder, encoded: Encoded, vocabulary: Vocabulary, recipe: Refresh, seed: int, log: Path
) -> None:
    """Train all but the embedding, the rate falling linearly to zero; a line per ten steps.

    What falls is what is left of the examples, or of the minutes where those end first.

    The rows beyond the examples, as many as `held_out`, are only measured.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(encoded))
    count = min(recipe.examples, len(encoded) - recipe.held_out)
    chosen, held_out = order[:count], order[count : count + recipe.held_out]
    bare = random.random(len(order)) < recipe.bare

    def pairs(indices: Sequence[int]) -> list[Pair]:
        return [_pair(encoded, int(i), bool(bare[i]), vocabulary) for i in indices]

    parameters = [p for name, p in model.named_parameters() if not name.startswith("embedding")]
    optimiser = torch.optim.AdamW(parameters, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.0)
    steps, started = -(-count // recipe.batch), time.monotonic()
    losses, tokens = torch.zeros((), device=model.embedding.weight.device), 0
    for step in range(steps):
        batch = pairs(chosen[step * recipe.batch : (step + 1) * recipe.batch])
        answers = sum(len(answer) for _, answer in batch)
        for group in _of_like_length(batch, losses.device.type):
            loss = _answer_loss(model, group)
            (loss / answers).backward()
            losses += loss.detach()
        tokens += answers
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        done = (step + 1) / steps
        if recipe.minutes:
            done = max(done, (time.monotonic() - started) / 60 / recipe.minutes)
        for settings in optimiser.param_groups:
            settings["lr"] = recipe.rate * max(min((step + 1) / _WARMUP_STEPS, 1 - done), 0.0)
        optimiser.step()
        optimiser.zero_grad()
        last = done >= 1
        if (step + 1) % _LOG_STEPS == 0 or last:
            line = f"refresh step {step + 1} of {steps} answer_loss {losses.item() / tokens:.4f}"
            if len(held_out) and (last or (step + 1) % _HELD_OUT_STEPS == 0):
                line += f" held_out {_mean_loss(model, pairs(held_out)):.4f}"
            line += f" seconds {time.monotonic() - started:.0f}"
            print(line, flush=True)
            with log.open("a") as stream:
                stream.write(line + "\n")
            losses.zero_()
            tokens = 0
        if last:
            return


def _pair(encoded: Encoded, index: int, without_context: bool, vocabulary: Vocabulary) -> Pair:
    """Ids of the prompt and of the answer."""
    fields = () if without_context else FIELDS
    code = encoded.columns["code"][index]
    ids, prompt, _ = example_tokens(encoded, index, code, vocabulary, fields, summaries=False)
    return ids[:prompt], ids[prompt:]


def _mean_loss(model: Decoder, pairs: Sequence[Pair]) -> float:
    with torch.no_grad():
        groups = _of_like_length(pairs, model.embedding.weight.device.type)
        total = sum(_answer_loss(model, group).item() for group in groups)
    return total / sum(len(answer) for _, answer in pairs)


def _of_like_length(pairs: Sequence[Pair], device: str) -> Iterator[list[Pair]]:
    lengths = [len(prompt) + len(answer) for prompt, answer in pairs]
    for group in of_like_length(lengths, lambda length: length, _TOKENS[device]):
        yield [pairs[index] for index in group]


def _answer_loss(model: Decoder, group: Sequence[Pair]) -> Tensor:
    """Summed loss of the answers' tokens, in nats."""
    length = max(len(prompt) + len(answer) for prompt, answer in group)
    tokens = np.zeros((len(group), length), np.int64)
    learnt = np.zeros((len(group), length), np.bool_)
    for row, (prompt, answer) in enumerate(group):
        end = len(prompt) + len(answer)
        tokens[row, :end] = prompt + answer
        learnt[row, len(prompt) : end] = True
    device = model.embedding.weight.device
    shown, targets = (
        torch.from_numpy(tokens).to(device),
        torch.from_numpy(tokens[:, 1:][learnt[:, 1:]]),
    )
    places = torch.from_numpy(learnt[:, 1:].ravel().nonzero()[0]).to(device)
    positions = torch.arange(length, device=device)[None].expand_as(shown)
    attend = causal_attention
    if model.shape.both_ways:
        ends = torch.tensor([len(prompt) for prompt, _ in group], device=device)
        attend = prompt_attention(positions < ends[:, None])
    # What predicts a token stands before it; padding follows, and nobody looks back at it.
    hidden = model(shown, positions, attend, compute_dtype(device))[:, :-1]
    hidden = hidden.reshape(-1, hidden.shape[-1])[places]
    logits = model.logits(hidden).float()
    return functional.cross_entropy(logits, targets.to(device), reduction="sum")
