"""What processors multiply in: bfloat16 where that is faster; a stage learns as much in either."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from server.predictors.embedded_prompt import Vocabulary
from training.embedded.encoding import Encoded
from training.embedded.model import compute_dtype
from training.embedded.refresh import refresh
from training.embedded.restore import load_run
from training.embedded.schedule import Refresh


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({}, torch.float32),
    ],
)
def test_processors_multiply_bfloat16_only_where_that_is_fast(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, bool], kind: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    assert compute_dtype(torch.device("cpu")) is kind
    assert compute_dtype(torch.device("cuda")) is torch.bfloat16


def test_a_stage_learns_as_much_in_either_type(
    run_folder: Path,
    tmp_path: Path,
    encoded: Encoded,
    tokenizer: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vocabulary = Vocabulary.of(tokenizer)
    losses: list[list[float]] = []
    # The first learns next to nothing: what each of the steps meets is not equally hard.
    for kind, rate in ((torch.float32, 1e-9), (torch.float32, 0.02), (torch.bfloat16, 0.02)):
        monkeypatch.setattr("training.embedded.refresh.compute_dtype", lambda device, k=kind: k)
        log = tmp_path / f"{kind}_{rate}.txt"
        recipe = Refresh(data=tmp_path, examples=160, batch=8, rate=rate)
        refresh(load_run(run_folder / "out"), encoded, vocabulary, recipe, 1, log)
        lines = log.read_text().splitlines()
        losses.append([float(line.split("answer_loss ")[1].split()[0]) for line in lines])
    unlearnt, exact, rounded = losses
    assert exact[-1] < unlearnt[-1] - 0.1
    assert rounded == pytest.approx(exact, abs=0.02)
