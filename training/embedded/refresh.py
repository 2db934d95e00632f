"""A last, short stage on functions that pre-training never saw, for their answers alone.

Several passes over one corpus teach its names by heart: the answers' loss goes on falling there
and rises elsewhere. A single pass over unseen repositories with small steps takes that back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from dataset.question import Question, bare
from server.predictors.embedded_prompt import Vocabulary, answer_text, encode
from training.embedded.corpus import read_group, row_groups
from training.embedded.model import Decoder, causal_attention
from training.embedded.packing import Example
from training.embedded.schedule import Refresh

# Padding in a batch is wasted work: functions of about equal length share one, of so many tokens.
_TOKENS = 3_072


def refresh(model: Decoder, tokenizer: Tokenizer, recipe: Refresh, seed: int, log: Path) -> None:
    """Train all but the embedding, the rate falling linearly to zero; a line per ten steps."""
    generator = random.Random(seed)
    examples = _draw(recipe, generator)
    vocabulary = Vocabulary.of(tokenizer)
    parameters = [p for name, p in model.named_parameters() if not name.startswith("embedding")]
    optimiser = torch.optim.AdamW(parameters, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.0)
    steps = -(-len(examples) // recipe.batch)
    losses = tokens = 0.0
    for step in range(steps):
        chosen = examples[step * recipe.batch : (step + 1) * recipe.batch]
        encoded = [
            _encoded(one, generator.random() < recipe.bare, tokenizer, vocabulary) for one in chosen
        ]
        answers = sum(len(answer) for _, answer in encoded)
        for group in _of_like_length(encoded):
            loss = _answer_loss(model, group)
            (loss / answers).backward()
            losses += loss.item()
        tokens += answers
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for settings in optimiser.param_groups:
            settings["lr"] = recipe.rate * min((step + 1) / 10, 1 - step / steps)
        optimiser.step()
        optimiser.zero_grad()
        if (step + 1) % 10 == 0 or step + 1 == steps:
            line = f"refresh step {step + 1} of {steps} answer_loss {losses / tokens:.4f}"
            print(line, flush=True)
            with log.open("a") as stream:
                stream.write(line + "\n")
            losses = tokens = 0.0


def _draw(recipe: Refresh, generator: random.Random) -> list[Example]:
    rows = [example for group in row_groups(recipe.data) for example in read_group(group)]
    return generator.sample(rows, min(recipe.examples, len(rows)))


def _encoded(
    example: Example, without_context: bool, tokenizer: Tokenizer, vocabulary: Vocabulary
) -> tuple[list[int], list[int]]:
    """Ids of the prompt and of the answer."""
    question = Question(example.text, example.context)
    prompt = encode(bare(question) if without_context else question, tokenizer, vocabulary)
    answer = tokenizer.encode(answer_text(example.name), add_special_tokens=False).ids
    return prompt, [*answer, vocabulary.end]


def _of_like_length(
    encoded: Sequence[tuple[list[int], list[int]]],
) -> Iterator[list[tuple[list[int], list[int]]]]:
    group: list[tuple[list[int], list[int]]] = []
    for pair in sorted(encoded, key=lambda pair: len(pair[0]) + len(pair[1])):
        if group and (len(group) + 1) * (len(pair[0]) + len(pair[1])) > _TOKENS:
            yield group
            group = []
        group.append(pair)
    yield group


def _answer_loss(model: Decoder, group: Sequence[tuple[list[int], list[int]]]) -> Tensor:
    """Summed loss of the answers' tokens, in nats."""
    length = max(len(prompt) + len(answer) for prompt, answer in group)
    tokens = torch.zeros(len(group), length, dtype=torch.long)
    learnt = torch.zeros(len(group), length, dtype=torch.bool)
    for row, (prompt, answer) in enumerate(group):
        end = len(prompt) + len(answer)
        tokens[row, :end] = torch.tensor(prompt + answer)
        learnt[row, len(prompt) : end] = True
    device = model.embedding.weight.device
    tokens, learnt = tokens.to(device), learnt.to(device)
    positions = torch.arange(length, device=device)[None].expand_as(tokens)
    # What predicts a token stands before it; padding follows, and nobody looks back at it.
    hidden = model(tokens, positions, causal_attention, torch.bfloat16)[:, :-1][learnt[:, 1:]]
    return functional.cross_entropy(
        model.logits(hidden).float(), tokens[:, 1:][learnt[:, 1:]], reduction="sum"
    )
