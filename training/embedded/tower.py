"""Gives a trained network a second tower, which learns to answer as another network does.

The network itself stays as it is. The tower's layers begin as the teacher's last ones, joined to
the network's first ones by least squares; they learn the teacher's probabilities (distillation,
arXiv 1503.02531) and what its layers see. Names of functions are no part of it, so that it learns
from any function as much as from a new one (function matching, arXiv 2106.05237).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.embedded.attention import packed_attention, positions_and_documents
from training.embedded.loop import Device, Trainer, rate_factor
from training.embedded.model import Attend, Decoder, Tower, compute_dtype, rotary_tables
from training.embedded.packing import ANSWER, BODY, Packed
from training.embedded.schedule import Schedule, TowerRecipe
from training.errors import TrainingError

# A batch has room for one token of an answer in so many, and for as many of the body.
_TOKENS_OF_ONE = 20
_LEAST_STREAM_WEIGHT = 0.1


class Places(NamedTuple):
    """Tokens (n,) before those that are learnt, as numbers within a batch, and whether each stands
    before an answer's (1), a body's (2) or is filling (0); n is the same for each batch."""

    tokens: Tensor
    kinds: Tensor


def with_tower(network: Decoder, teacher: Decoder, below: int) -> Decoder:
    """The network with a second tower over its first `below` layers, its layers the teacher's.

    Raises TrainingError when the two networks differ in shape or have towers of their own, or when
    no layer is left to either.
    """
    if network.shape != teacher.shape or network.shape.tower_from:
        raise TrainingError("tower: wants two networks of one shape, without towers of their own")
    if not 0 < below < network.shape.layers:
        raise TrainingError(
            f"tower.below: {below}; share one of {network.shape.layers} layers or more, leave one"
        )
    model = Decoder(replace(network.shape, tower_from=below))
    model.load_state_dict(network.state_dict(), strict=False)
    tower = _tower(model)
    for mine, its in zip(tower.layers, teacher.layers[below:], strict=True):
        mine.load_state_dict(its.state_dict())
    tower.norm.load_state_dict(teacher.norm.state_dict())
    # The way out: what the teacher's table says of a word, said with the network's table.
    tables = network.embedding.weight.detach(), teacher.embedding.weight.detach()
    way = torch.linalg.lstsq(*(table.double() for table in tables)).solution
    with torch.no_grad():
        tower.out.weight.copy_(way)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("tower."))
    return model


class TowerTrainer(Trainer):
    """Trains a second tower alone. In its log `answer_loss` is the divergence of its answers from
    the teacher's, `loss` the share of the teacher's values that its layers do not have."""

    def __init__(
        self, model: Decoder, teacher: Decoder, recipe: TowerRecipe, schedule: Schedule,
        place: Device, begin: int,
    ) -> None:  # fmt: skip
        super().__init__(model, schedule, place, begin)
        self.teacher = teacher.to(place.device).eval().requires_grad_(False)
        self.recipe = recipe
        self._random = np.random.default_rng(place.rank)
        self._matching = (
            torch.compile(matching_loss) if place.device.type == "cuda" else matching_loss
        )

    def _train_step(self, batch: Packed, progress: float) -> Tensor:
        tokens, _ = self._on_device(batch)
        if self.step == 0:
            self._join(tokens)
        stream = torch.tensor(max(_LEAST_STREAM_WEIGHT, 1 - progress), device=tokens.device)
        loss, sums = self._matching(
            self.model, self.teacher, tokens, self._places(batch), self.begin,
            self.recipe.body_share, stream,
        )  # fmt: skip
        loss.backward()
        total = self._reduce(torch.ones((), device=tokens.device))
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad.div_(total)
        self._move(rate_factor(progress, self.step, self.schedule))
        # The log divides this by the number of tokens that a batch learns in other runs.
        sums[3] *= int((batch.kinds >= BODY).sum())
        return sums

    @torch.no_grad()
    def _join(self, tokens: Tensor) -> None:
        """The way in: the network's values to the teacher's, by least squares over a batch."""
        few = tokens[:8]
        positions, documents = positions_and_documents(few, self.begin)
        attend, dtype = packed_attention(documents), compute_dtype(few.device)
        cos, sin = rotary_tables(positions, self.model.shape, dtype)
        below, own = self.model.shape.tower_from, few != 0
        seen = [
            _streams(network, few, below, cos, sin, attend, dtype)[below][own].double()
            for network in (self.model, self.teacher)
        ]
        square = seen[0].T @ seen[0]
        square += torch.eye(len(square), device=few.device) * square.trace() / len(square) * 1e-4
        _tower(self.model).into.weight.copy_(torch.linalg.solve(square, seen[0].T @ seen[1]).T)

    def _places(self, batch: Packed) -> Places:
        room = max(1, batch.tokens.size // _TOKENS_OF_ONE)
        following = np.zeros_like(batch.kinds)
        following[:, :-1] = batch.kinds[:, 1:]
        found = np.flatnonzero(following == ANSWER)[:room]
        drawn = self._random.permutation(np.flatnonzero(following == BODY))[:room]
        tokens, kinds = np.zeros(2 * room, np.int64), np.zeros(2 * room, np.int64)
        tokens[: len(found)], kinds[: len(found)] = found, 1
        tokens[room : room + len(drawn)], kinds[room : room + len(drawn)] = drawn, 2
        device = self.place.device
        return Places(torch.from_numpy(tokens).to(device), torch.from_numpy(kinds).to(device))


def matching_loss(
    model: Decoder, teacher: Decoder, tokens: Tensor, places: Places, begin: int,
    body_share: float, stream_weight: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """What a batch (rows, length) teaches, and (1, divergence of the answers summed, their number,
    unexplained share of the layers' values)."""
    shape, dtype = model.shape, compute_dtype(tokens.device)
    tower, below = _tower(model), shape.tower_from
    positions, documents = positions_and_documents(tokens, begin)
    attend = packed_attention(documents)
    cos, sin = rotary_tables(positions, shape, dtype)
    with torch.no_grad():
        own = _streams(model, tokens, shape.layers, cos, sin, attend, dtype)
        its = _streams(teacher, tokens, shape.layers, cos, sin, attend, dtype)
        known = _shares(model, model.norm(own[-1]), places)
        taught = _shares(teacher, teacher.norm(its[-1]), places)
        mean = torch.logaddexp(known, taught)
    stream = tower.into(own[below])
    real = (tokens != 0)[..., None].float()
    missed = _unexplained(stream, its[below], real)
    for layer, wanted in zip(tower.layers, its[below + 1 :], strict=True):
        stream = layer(stream, cos, sin, attend)
        missed = missed + _unexplained(stream, wanted, real)
    missed = missed / (len(tower.layers) + 1)
    said = _shares(model, tower.out(tower.norm(stream)), places)
    alone = (taught.exp() * (taught - said)).sum(-1)
    # What the two towers say together, beside what network and teacher would.
    together = (mean.exp() / 2 * (mean - torch.logaddexp(known, said))).sum(-1)
    answers, bodies = (places.kinds == 1).float(), (places.kinds == 2).float()
    count = answers.sum().clamp(min=1)
    divergence = (alone * answers).sum()
    loss = (
        (divergence + (together * answers).sum()) / count
        + body_share * (alone * bodies).sum() / bodies.sum().clamp(min=1)
        + stream_weight * missed
    )
    sums = torch.stack((torch.ones_like(count), divergence, count, missed))
    return loss, sums.detach()


def _tower(model: Decoder) -> Tower:
    assert model.tower is not None
    return model.tower


def _streams(
    network: Decoder, tokens: Tensor, layers: int, cos: Tensor, sin: Tensor, attend: Attend,
    dtype: torch.dtype,
) -> list[Tensor]:  # fmt: skip
    """What the first `layers` layers are given, and what the last of them gives."""
    streams = [network.embedding(tokens).to(dtype)]
    for layer in network.layers[:layers]:
        streams.append(layer(streams[-1], cos, sin, attend))
    return streams


def _shares(network: Decoder, hidden: Tensor, places: Places) -> Tensor:
    """Log-probabilities (n, vocabulary) of what follows the places."""
    chosen = hidden.reshape(-1, hidden.shape[-1])[places.tokens]
    table: nn.Parameter = network.embedding.weight
    return functional.linear(chosen, table.to(chosen.dtype)).float().log_softmax(-1)


def _unexplained(found: Tensor, wanted: Tensor, real: Tensor) -> Tensor:
    """The share of the square of `wanted` that `found` misses, where tokens are real."""
    wanted = wanted.float()
    missed = ((found.float() - wanted) ** 2 * real).sum()
    return missed / (wanted**2 * real).sum().clamp(min=1e-9)
