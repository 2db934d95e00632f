"""Beam search over the tokens of names, wholly on the device: no step waits for the host.

The rules are those of transformers' beam search with `length_penalty=0`: a hypothesis that ends
counts when it is among the best `beams` of its step; what still runs at the last step counts too,
as unfinished.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from server.predictors.worker.grammar import INSIDE, Grammar

_WORST = -1e9


@dataclass(frozen=True, slots=True)
class Beams:
    """What is under way, (questions, beams, …); `step` counts the tokens written so far.

    `owners` says which beam of the question read each token of a beam: its keys stay there.
    """

    step: Tensor
    tokens: Tensor
    scores: Tensor
    states: Tensor
    history: Tensor
    owners: Tensor
    found: Tensor
    found_scores: Tensor
    found_ended: Tensor
    found_any: Tensor
    done: Tensor


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Tokens with their end token, the sum of log-probabilities, and whether the name ended."""

    tokens: tuple[int, ...]
    log_probability: float
    ended: bool


def new_beams(questions: int, beams: int, steps: int, device: torch.device) -> Beams:
    """Room for a search; `reset` begins one."""
    rows = questions, beams

    def of(kind: torch.dtype, *sizes: int) -> Tensor:
        return torch.zeros(sizes, dtype=kind, device=device)

    return Beams(
        step=of(torch.int64, 1),
        tokens=of(torch.int64, questions * beams),
        scores=of(torch.float32, *rows),
        states=of(torch.int64, *rows),
        history=of(torch.int64, *rows, steps),
        owners=of(torch.int64, *rows, steps),
        found=of(torch.int64, *rows, steps),
        found_scores=of(torch.float32, *rows),
        found_ended=of(torch.bool, *rows),
        found_any=of(torch.bool, *rows),
        done=of(torch.bool, questions),
    )


def reset(beams: Beams, starts: Tensor) -> None:
    """Begin a search from the grammar's states `starts` (questions)."""
    beams.step.zero_()
    beams.scores.fill_(_WORST)
    beams.scores[:, 0] = 0.0
    beams.states.copy_(starts[:, None].expand_as(beams.states))
    beams.history.fill_(-1)
    beams.found.fill_(-1)
    beams.found_scores.fill_(_WORST)
    beams.found_ended.fill_(False)
    beams.found_any.fill_(False)
    beams.done.fill_(False)


def advance(beams: Beams, logits: Tensor, grammar: Grammar) -> None:
    """Write the next token of every beam."""
    questions, count, steps = beams.history.shape
    vocabulary = logits.shape[-1]
    added = _allowed(logits.view(questions, count, vocabulary), beams.states, grammar)
    total = (beams.scores[:, :, None] + added).view(questions, -1)
    keep = (1 + grammar.ends_count) * count
    best, places = torch.topk(total, keep)
    parents, tokens = places // vocabulary, places % vocabulary
    last = beams.step >= steps - 1
    # A space before the name is none of those that end it.
    ends = grammar.ends[tokens] & (beams.states.gather(1, parents) == INSIDE)
    stops = ends | last
    history = _of(beams.history, parents)
    slot = beams.step.view(1, 1, 1).expand(questions, keep, 1)
    history = history.scatter(2, slot, tokens[:, :, None])
    among_best = torch.arange(keep, device=best.device) < count
    counts = stops & among_best & ~beams.done[:, None]
    merged_scores = torch.cat((beams.found_scores, best.where(counts, _WORST)), dim=1)
    scores, order = torch.topk(merged_scores, count)
    beams.found.copy_(_of(torch.cat((beams.found, history), dim=1), order))
    beams.found_ended.copy_(torch.cat((beams.found_ended, ends & counts), dim=1).gather(1, order))
    beams.found_any.copy_(torch.cat((beams.found_any, counts), dim=1).gather(1, order))
    beams.found_scores.copy_(scores)
    running, order = torch.topk(best + stops * _WORST, count)
    parents, tokens = parents.gather(1, order), tokens.gather(1, order)
    states = beams.states.gather(1, parents)
    beams.states.copy_(grammar.following[states, tokens])
    beams.history.copy_(_of(history, order))
    beams.scores.copy_(running)
    beams.tokens.copy_(tokens.view(-1))
    worst = scores.amin(dim=1).where(beams.found_any.all(dim=1), _WORST)
    beams.done.logical_or_((running[:, 0] <= worst) | last)
    # The token that was written now is read by its beam itself.
    itself = torch.arange(count, device=best.device).view(1, count, 1).expand(questions, -1, 1)
    beams.owners.copy_(_of(beams.owners, parents).scatter(2, slot[:, :count], itself))
    beams.step.add_(1)


def copied(beams: Beams) -> Beams:
    """The same with what was found kept, whatever is looked for next."""
    return replace(
        beams,
        found=beams.found.clone(),
        found_scores=beams.found_scores.clone(),
        found_ended=beams.found_ended.clone(),
        found_any=beams.found_any.clone(),
    )


def hypotheses(beams: Beams) -> list[list[Hypothesis]]:
    """What was found for each question, best first."""
    tokens, scores, ended, there = (
        part.tolist()
        for part in (beams.found, beams.found_scores, beams.found_ended, beams.found_any)
    )
    return [
        [
            Hypothesis(tuple(token for token in row if token >= 0), score, is_end)
            for row, score, is_end, is_there in zip(*of_question, strict=True)
            if is_there and score > _WORST / 2
        ]
        for of_question in zip(tokens, scores, ended, there, strict=True)
    ]


def _allowed(logits: Tensor, states: Tensor, grammar: Grammar) -> Tensor:
    """Log-probabilities (questions, beams, vocabulary); minus infinity where not allowed.

    Underscores that are demanded are given: what is left is a conditional probability.
    """
    scores = torch.log_softmax(logits, dim=-1)
    allowed = grammar.allowed[states]
    given = scores.exp()
    unknowing = grammar.allowed[grammar.unknowing[states]]
    share = (given * unknowing).sum(-1) / (given * allowed).sum(-1).clamp_min(1e-30)
    scores = scores + share.clamp_min(1e-30).log()[..., None]
    return scores.masked_fill(~allowed, float("-inf"))


def _of(rows: Tensor, order: Tensor) -> Tensor:
    """Rows (questions, some, n) in the order (questions, others)."""
    return rows.gather(1, order[:, :, None].expand(-1, -1, rows.shape[-1]))
