"""A model answered by transformers' own `generate`: the reference beside the server's search, and
the plain un-tuned base of a comparison.

Beams are scored by their summed log-probability; what follows the first word is no name.
"""

from __future__ import annotations

import hashlib
import keyword
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset.forms import SYSTEM
from dataset.question import Question
from server.predictors.base import Cancelled, Candidate, Identity, NamePredictor, StopFlag
from training.errors import TrainingError
from training.finetuning.rows import Renderer

_BEAMS = 5
_NAME_TOKENS = 16
_LONGEST = 1024
_SCORED = 32


class Generator:
    """Holds a causal language model, with an adapter where one is given."""

    def __init__(self, model: Any, tokenizer: Any, identity: Identity) -> None:
        self._model = model
        self.identity = identity
        form = "chat" if tokenizer.chat_template else "prompt-completion"
        self._renderer = Renderer(tokenizer, form, SYSTEM, _LONGEST)
        self._device = next(model.parameters()).device
        end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
        self._end, self._pad = end, end if pad is None else pad

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        """Up to `k` names each, from five beams or `k`."""
        import torch

        if stop is not None and stop.is_set():
            raise Cancelled("nobody waits for these names")
        prompts = [self._renderer.tokens(question.text, "x" * 8)[0] for question in questions]
        ids, seen = self._left_padded(prompts)
        beams = max(k, _BEAMS)
        with torch.no_grad():
            made = self._model.generate(
                input_ids=ids, attention_mask=seen, max_new_tokens=_NAME_TOKENS, do_sample=False,
                num_beams=beams, num_return_sequences=beams, length_penalty=0.0,
                early_stopping=False, return_dict_in_generate=True, output_scores=True,
                pad_token_id=self._pad, eos_token_id=self._end,
            )  # fmt: skip
        texts = self._renderer.tokenizer.batch_decode(
            made.sequences[:, ids.shape[1] :], skip_special_tokens=True
        )
        scores = made.sequences_scores.float().tolist()
        return [
            _candidates(texts[start : start + beams], scores[start : start + beams], k)
            for start in range(0, len(texts), beams)
        ]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        """Summed log-probability of each name and the end after it."""
        found: list[float] = []
        for start in range(0, len(questions), _SCORED):
            rows = [
                self._renderer.tokens(question.text, name)
                for question, name in zip(
                    questions[start : start + _SCORED],
                    names[start : start + _SCORED],
                    strict=True,
                )
            ]
            found += self._log_probabilities(rows)
        return found

    def close(self) -> None:
        """Give the memory back."""
        import torch

        del self._model
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _log_probabilities(self, rows: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        import torch

        ids, seen = self._left_padded([prompt + name for prompt, name in rows])
        longest = max(len(name) for _, name in rows)
        positions = (seen.cumsum(-1) - 1).clamp(min=0)
        with torch.no_grad():
            logits = self._model(
                input_ids=ids, attention_mask=seen, position_ids=positions, use_cache=False,
                logits_to_keep=longest + 1,
            ).logits  # fmt: skip
        chosen = ids[:, -longest:, None]
        each = logits[:, :-1].float().log_softmax(-1).gather(-1, chosen)[..., 0]
        return [
            float(each[number, longest - len(name) :].sum())
            for number, (_, name) in enumerate(rows)
        ]

    def _left_padded(self, rows: Sequence[list[int]]) -> tuple[Any, Any]:
        import torch

        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self._pad)
        seen = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, longest - len(row) :] = torch.tensor(row)
            seen[number, longest - len(row) :] = 1
        return ids.to(self._device), seen.to(self._device)


def _candidates(texts: Sequence[str], scores: Sequence[float], k: int) -> list[Candidate]:
    best: dict[str, float] = {}
    for text, score in zip(texts, scores, strict=True):
        name = (text.split() or [""])[0].strip("`'\"().,:")
        if name.isidentifier() and not keyword.iskeyword(name):
            best[name] = max(score, best.get(name, score))
    ranked = sorted(best.items(), key=lambda item: -item[1])
    return [Candidate(name, score) for name, score in ranked[:k]]


def load_generator(model: str, adapter: str) -> NamePredictor:
    """Load a model, in bf16 on a GPU; raises TrainingError when it cannot be had."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    on_gpu = torch.cuda.is_available()
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        network = AutoModelForCausalLM.from_pretrained(
            model, dtype=torch.bfloat16 if on_gpu else torch.float32
        )
        if adapter:
            from peft import PeftModel

            network = PeftModel.from_pretrained(network, adapter).merge_and_unload()
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(f"generate={model},{adapter}: cannot be loaded ({reason})") from error
    network.to("cuda" if on_gpu else "cpu").eval()
    print_ = hashlib.blake2b(f"{model}\0{adapter}".encode(), digest_size=8).hexdigest()
    label = Path(adapter).parent.name if adapter else Path(model).name
    return Generator(network, tokenizer, Identity(f"generate {label}", "1", print_, False))
