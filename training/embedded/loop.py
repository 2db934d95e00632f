"""The training loop of the embedded model: Muon and AdamW on one or several GPUs, ended by steps
or by the clock, with checkpoints that another machine can go on from."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

from training.embedded.attention import packed_attention, positions_and_documents
from training.embedded.averaging import keep
from training.embedded.model import Decoder, compute_dtype
from training.embedded.packing import ANSWER, BODY, DIGEST, IDENTIFIER, PROMPT, Packed
from training.embedded.schedule import Schedule


@dataclass(frozen=True)
class Device:
    """Where this process trains, and its place among the others."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @classmethod
    def from_environment(cls) -> Device:
        """One CUDA device for each local rank that `torchrun` started, else the CPU."""
        if not torch.cuda.is_available():
            return cls(torch.device("cpu"))
        rank = int(os.environ.get("RANK", "0"))
        world = int(os.environ.get("WORLD_SIZE", "1"))
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        if world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl", device_id=device)
        return cls(device, rank, world)


def rate_factor(progress: float, step: int, schedule: Schedule) -> float:
    """Linear warm-up, a plateau, then linear fall to zero over the last `cooldown` of the run."""
    warm = min(1.0, (step + 1) / schedule.warmup_steps)
    return min(warm, max(0.0, 1.0 - progress) / schedule.cooldown)


def weighted_loss(
    model: Decoder, tokens: Tensor, kinds: Tensor, weights: Tensor, begin: int
) -> tuple[Tensor, Tensor]:
    """Sum of weighted next-token losses, and (answer loss sum, answer count, all, right)."""
    positions, documents = positions_and_documents(tokens, begin)
    attend = packed_attention(documents, kinds == PROMPT if model.shape.both_ways else None)
    hidden = model(tokens, positions, attend, compute_dtype(tokens.device))
    logits = model.logits(hidden[:, :-1]).float()
    targets, kind = tokens[:, 1:].reshape(-1), kinds[:, 1:].reshape(-1).long()
    losses = functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets, reduction="none")
    answers = (kind == ANSWER).float()
    weight = weights[kind]
    learnt = (losses.detach() * (kind > PROMPT)).sum()
    sums = torch.stack((weight.sum(), (losses.detach() * answers).sum(), answers.sum(), learnt))
    return (losses * weight).sum(), sums


class Trainer:
    """Holds the network and its optimisers; `run` trains until the schedule ends."""

    def __init__(self, model: Decoder, schedule: Schedule, place: Device, begin: int) -> None:
        self.model = model.to(place.device)
        self.schedule = schedule
        self.place = place
        self.begin = begin
        layers = [model.layers] if model.tower is None else [model.layers, model.tower.layers]
        matrices = [p for part in layers for p in part.parameters() if p.ndim == 2]
        chosen = {id(p) for p in matrices}
        others = [p for p in model.parameters() if id(p) not in chosen]
        self.muon = torch.optim.Muon(
            matrices, lr=schedule.muon_rate, momentum=0.95, weight_decay=schedule.muon_decay
        )
        self.adam = torch.optim.AdamW(
            others,
            lr=schedule.adam_rate,
            betas=(0.9, 0.95),
            weight_decay=0.0,
            fused=place.device.type == "cuda",
        )
        self.step = 0
        self.spent = 0.0
        self._loss = torch.compile(weighted_loss) if place.device.type == "cuda" else weighted_loss

    def run(
        self,
        batches: Iterator[Packed],
        log: Path,
        save: Path,
        save_minutes: float,
        validation: Packed | None = None,
    ) -> None:
        """Train to the end of the schedule, writing a line to `log` now and then."""
        started = time.monotonic() - self.spent
        last_save, last_log, tokens_seen = time.monotonic(), time.monotonic(), 0
        progress = self._progress(started)
        for number, batch in enumerate(batches):
            sums = self._train_step(batch, progress)
            if number == 0:
                # The first step compiles the network, which may take as long as a short run has.
                sums.tolist()
                started = time.monotonic() - self.spent
            self.step += 1
            tokens_seen += batch.tokens.size * self.place.world
            progress = self._progress(started)
            if self.step % 50 == 0 or progress >= 1.0 or self.step <= 3:
                values = sums.tolist()
                now = time.monotonic()
                learnt = max(1, int((batch.kinds > PROMPT).sum()))
                line = (
                    f"step {self.step} progress {progress:.4f} "
                    f"answer_loss {values[1] / max(1.0, values[2]):.4f} "
                    f"loss {values[3] / learnt:.4f} tokens/s {tokens_seen / (now - last_log):.0f}"
                )
                if validation is not None and (self.step % 250 == 0 or progress >= 1.0):
                    line += f" validation_answer_loss {self._answer_loss(validation):.4f}"
                last_log, tokens_seen = time.monotonic(), 0
                if self.place.rank == 0:
                    print(line, flush=True)
                    with log.open("a") as stream:
                        stream.write(line + "\n")
            every = self.schedule.snapshot_steps
            if every and self.place.rank == 0 and (self.step % every == 0 or progress >= 1.0):
                keep(self.model, save.parent, self.step)
            if progress >= 1.0:
                break
            if save_minutes and time.monotonic() - last_save > 60 * save_minutes:
                self.save(save, started)
                last_save = time.monotonic()
        self.save(save, started)

    def _answer_loss(self, batch: Packed) -> float:
        """Mean loss of the answers' tokens, in nats."""
        weights = torch.zeros(IDENTIFIER + 1, device=self.place.device)
        self.model.eval()
        # Not under no_grad, which would compile the network once more.
        _, sums = self._loss(self.model, *self._on_device(batch), weights, self.begin)
        self.model.train()
        _, answer_loss, answers, _ = sums.tolist()
        return answer_loss / max(1.0, answers)

    def _on_device(self, batch: Packed) -> tuple[Tensor, Tensor]:
        device = self.place.device
        tokens = torch.from_numpy(batch.tokens.astype("int64")).to(device, non_blocking=True)
        return tokens, torch.from_numpy(batch.kinds).to(device, non_blocking=True)

    def _train_step(self, batch: Packed, progress: float) -> Tensor:
        schedule, device = self.schedule, self.place.device
        tokens, kinds = self._on_device(batch)
        body = schedule.body_weight_first + progress * (
            schedule.body_weight_last - schedule.body_weight_first
        )
        weights = torch.zeros(IDENTIFIER + 1)
        weights[BODY], weights[ANSWER] = body, schedule.answer_weight
        weights[DIGEST], weights[IDENTIFIER] = schedule.summary_weight, schedule.identifier_weight
        loss, sums = self._loss(self.model, tokens, kinds, weights.to(device), self.begin)
        loss.backward()
        total = self._reduce(sums[0])
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad.div_(total)
        self._move(rate_factor(progress, self.step, schedule))
        return sums

    def _move(self, factor: float) -> None:
        """One step of both optimisers, at this share of their rates."""
        rates = (self.muon, self.schedule.muon_rate), (self.adam, self.schedule.adam_rate)
        for optimiser, rate in rates:
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def _reduce(self, weight: Tensor) -> Tensor:
        """Add gradients and the weight of the step over all processes; the weight is returned."""
        if self.place.world == 1:
            return weight
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        flat = nn.utils.parameters_to_vector([*gradients, weight[None]])
        dist.all_reduce(flat)
        nn.utils.vector_to_parameters(flat[:-1], gradients)
        return flat[-1]

    def _progress(self, started: float) -> float:
        schedule = self.schedule
        by_steps = self.step / schedule.steps if schedule.steps else 0.0
        by_clock = (
            (time.monotonic() - started) / (60 * schedule.minutes) if schedule.minutes else 0.0
        )
        progress = min(1.0, max(by_steps, by_clock))
        if self.place.world == 1 or not schedule.minutes:
            return progress
        # Processes must agree on the end: the first one's clock counts.
        shared = torch.tensor(progress, device=self.place.device)
        dist.broadcast(shared, 0)
        return shared.item()

    def save(self, path: Path, started: float) -> None:
        """Write weights, optimisers and position, whole or not at all."""
        if self.place.rank != 0:
            return
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "step": self.step,
            "spent": time.monotonic() - started,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint that `save` wrote."""
        state = torch.load(path, map_location=self.place.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.step, self.spent = state["step"], state["spent"]
