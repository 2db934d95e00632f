"""What a person sees of a run: a line at each report with the time left, and at each evaluation
a table of names the model gives to functions it has not learnt from."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from training.finetuning.checkpoints import Signals
from training.finetuning.recipe import is_sharded
from training.finetuning.rows import Renderer

_NAME_TOKENS = 24


class Progress(TrainerCallback):
    """One line a report: step, loss, rate, speed, time left."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None
        self._told: tuple[float, float] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began = time.monotonic(), state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if not state.is_world_process_zero or not logs or "train_runtime" in logs:
            return
        speed = self._speed(logs)
        shown = {**logs, "tokens/s": speed} if speed else logs
        print(line(state.global_step, state.max_steps, shown, self._left(state)), flush=True)

    def _speed(self, logs: Mapping[str, Any]) -> float | None:
        """Tokens a second of all processes since the report before; none where that is unknown."""
        if "loss" not in logs or "num_tokens" not in logs:
            return None
        before, now = self._told, (time.monotonic(), float(logs["num_tokens"]))
        self._told = now
        return None if before is None else (now[1] - before[1]) / (now[0] - before[0])

    def _left(self, state: Any) -> float | None:
        if self._began is None or state.global_step <= self._began[1]:
            return None
        began, step = self._began
        each = (time.monotonic() - began) / (state.global_step - step)
        return each * (state.max_steps - state.global_step)


def line(step: int, steps: int, logs: Mapping[str, Any], left: float | None) -> str:
    """`step 20/100 · loss 1.234 · learning_rate 4e-05 · tokens/s 8,200 · 3 min left`."""
    shown = {
        "loss": ".4f",
        "eval_loss": ".4f",
        "rewards/accuracies": ".3f",
        "eval_rewards/accuracies": ".3f",
        "learning_rate": ".2e",
        "mean_token_accuracy": ".3f",
        "tokens/s": ",.0f",
    }
    parts = [f"step {step}/{steps}"]
    parts += [f"{name} {float(logs[name]):{form}}" for name, form in shown.items() if name in logs]
    if left is not None:
        parts.append(f"{left / 60:.0f} min left" if left >= 90 else f"{left:.0f} s left")
    return " · ".join(parts)


class StopOnSignal(TrainerCallback):
    """Saves and stops at the end of the step in which a signal came."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        if self._anywhere(args):
            control.should_save = True
            control.should_training_stop = True
        return control

    def _anywhere(self, args: Any) -> bool:
        """Whether any process was signalled: all of them must save together."""
        if args.world_size == 1:
            return self._signals.received is not None
        import torch
        import torch.distributed as dist

        flag = torch.tensor(self._signals.received or 0, device=args.device)
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        self._signals.received = int(flag) or None
        return bool(flag)


class Samples(TrainerCallback):
    """After each evaluation, names for held-out functions, on the screen and in `samples.md`."""

    def __init__(
        self, rows: Sequence[tuple[str, str]], renderer: Renderer, file: Path, tracker: bool
    ) -> None:
        self._rows = rows
        self._renderer = renderer
        self._file = file
        self._tracker = tracker

    def on_evaluate(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        # Generation would gather a sharded model's weights in one process alone.
        if not self._rows or not state.is_world_process_zero or model is None:
            return
        if is_sharded(args.fsdp):
            return
        names = greedy_names(model, self._renderer, [question for question, _ in self._rows])
        lines = ["| actual | named |", "|---|---|"]
        lines += [
            f"| `{actual}` | `{name}` |"
            for (_, actual), name in zip(self._rows, names, strict=True)
        ]
        print("\n".join(lines), flush=True)
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(f"## Step {state.global_step}\n\n" + "\n".join(lines) + "\n\n")
        if self._tracker:
            from torch.utils.tensorboard import SummaryWriter

            with SummaryWriter(log_dir=str(self._file.parent / "tensorboard")) as writer:
                writer.add_text("samples", "\n".join(lines), state.global_step)


def greedy_names(model: Any, renderer: Renderer, questions: Sequence[str]) -> list[str]:
    """The name a model gives each question, by the most probable token at each place."""
    import torch

    tokenizer = renderer.tokenizer
    was_training = model.training
    model.eval()
    names: list[str] = []
    with torch.no_grad():
        for question in questions:
            prompt, _ = renderer.tokens(question, "x" * 8)
            ids = torch.tensor([prompt], device=next(model.parameters()).device)
            made = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=_NAME_TOKENS,
                do_sample=False,
                use_cache=True,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
            text = tokenizer.decode(made[0, len(prompt) :], skip_special_tokens=True)
            words = text.split()
            names.append(words[0] if words else "")
    model.train(was_training)
    return names
