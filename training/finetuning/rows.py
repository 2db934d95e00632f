"""Turns a corpus or rename pairs into the token rows that TRL's trainers take.

The forms are those of `dataset.forms`; only the answer is learnt unless a recipe says otherwise,
and a question too long for a row loses its last lines, never its answer.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from dataset.forms import ask_chat, bare_name, prompt_completion
from dataset.storage import read_tables
from training.errors import TrainingError

_ANSWER = ("question_text", "name")
_PAIR = ("question", "chosen", "rejected")
# Rows are held as lists only this many at a time; Arrow's arrays take a tenth of the memory.
_CHUNK = 10_000


def read_rows(path: Path, split: str) -> Iterator[dict[str, Any]]:
    """Rows with `question_text` and `name` of a corpus folder, a Parquet or a JSON Lines file.

    Raises TrainingError when columns are missing or there is no such split.
    """
    if path.is_dir():
        shards = sorted(path.glob(f"{split}-*.parquet"))
        if not shards:
            raise TrainingError(f"{path}: no {split}-*.parquet there; build a corpus first")
        for shard in shards:
            yield from _read_parquet(shard, _ANSWER)
    elif path.suffix == ".parquet":
        yield from _read_parquet(path, _ANSWER)
    else:
        yield from _read_json_lines(path, _ANSWER)


def sample(rows: Iterable[dict[str, Any]], count: int, seed: int) -> list[dict[str, Any]]:
    """A uniform sample of `count` rows in one pass (reservoir); 0 takes all, in their order."""
    if not count:
        return list(rows)
    generator = random.Random(seed)
    kept: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if number < count:
            kept.append(row)
        elif (place := generator.randint(0, number)) < count:
            kept[place] = row
    return kept


def read_pairs(path: Path) -> list[dict[str, Any]]:
    """Rename pairs that `python -m dataset pairs` wrote."""
    return list(_read_json_lines(path, _PAIR))


def split_pairs(
    pairs: Sequence[dict[str, Any]], held_out: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Pairs to train on and about `held_out` of other repositories; the same ones every time."""
    by_repository: dict[str, list[dict[str, Any]]] = {}
    for pair in pairs:
        by_repository.setdefault(str(pair.get("repository", "")), []).append(pair)
    names = sorted(by_repository, key=_hash)
    if len(names) < 2:
        # One history alone: its last renames are held out.
        count = min(held_out, len(pairs) // 10)
        return list(pairs[: len(pairs) - count]), list(pairs[len(pairs) - count :])
    train = list(by_repository[names.pop()])
    rest: list[dict[str, Any]] = []
    for name in names:
        (rest if len(rest) < held_out else train).extend(by_repository[name])
    return train, rest[:held_out]


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Renderer:
    """Writes questions and answers as a tokenizer's chat, or as Llama 2's text."""

    def __init__(self, tokenizer: Any, form: str, system: str, max_length: int | None) -> None:
        if tokenizer.eos_token_id is None:
            raise TrainingError(
                f"{tokenizer.name_or_path}: the tokenizer has no end token; set eos_token"
            )
        if form == "chat" and not tokenizer.chat_template:
            raise TrainingError(
                f"{tokenizer.name_or_path}: the tokenizer has no chat template;"
                " set form: prompt-completion"
            )
        self.tokenizer = tokenizer
        self.form = form
        self.system = system
        self.max_length = max_length

    def texts(self, question: str, name: str) -> tuple[str, str]:
        """Prompt and completion as text, with every special token written out.

        Raises TrainingError when the template renders a prompt otherwise once it is answered.
        """
        if self.form == "prompt-completion":
            row = prompt_completion(question, name, self.system)
            return (
                (self.tokenizer.bos_token or "") + row["prompt"],
                row["completion"] + self.tokenizer.eos_token,
            )
        turns = [dict(turn) for turn in ask_chat(question, self.system)]
        answer = {"role": "assistant", "content": bare_name(name)}
        prompt = self._chat(turns, add_generation_prompt=True)
        whole = self._chat([*turns, answer])
        if not whole.startswith(prompt):
            raise TrainingError(
                f"{self.tokenizer.name_or_path}: the chat template does not continue its own"
                " prompt; set form: prompt-completion"
            )
        completion = whole[len(prompt) :]
        end = self.tokenizer.eos_token
        # Some templates follow the end token with a line break that no model should learn.
        if end in completion:
            completion = completion[: completion.rindex(end) + len(end)]
        else:
            completion += end
        return prompt, completion

    def tokens(self, question: str, name: str) -> tuple[list[int], list[int]]:
        """Token ids of prompt and completion, together no longer than a row."""
        prompt, whole = self._encode(*self.texts(question, name))
        over = len(whole) - (self.max_length or len(whole))
        while over > 0:
            question = self._shorten(question, over)
            prompt, whole = self._encode(*self.texts(question, name))
            over = len(whole) - (self.max_length or len(whole))
        shared = _common(prompt, whole)
        return whole[:shared], whole[shared:]

    def fit(self, question: str, names: Sequence[str]) -> str:
        """The question, shortened until each name fits a row beside it."""
        for name in names:
            over = 1
            while over > 0:
                over = len(self._encode(*self.texts(question, name))[1])
                over -= self.max_length or over
                if over > 0:
                    question = self._shorten(question, over)
        return question

    def _chat(self, turns: Sequence[Mapping[str, str]], **options: Any) -> str:
        return self.tokenizer.apply_chat_template(list(turns), tokenize=False, **options)

    def _encode(self, prompt: str, completion: str) -> tuple[list[int], list[int]]:
        ids = self.tokenizer([prompt, prompt + completion], add_special_tokens=False)["input_ids"]
        return ids[0], ids[1]

    def _shorten(self, question: str, over: int) -> str:
        encoded = self.tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)
        starts = [start for start, _ in encoded["offset_mapping"]]
        keep = len(starts) - over
        if keep < 1:
            raise TrainingError(
                f"max_length: {self.max_length} tokens do not hold the prompt without its function;"
                " give more"
            )
        cut = question[: starts[keep]]
        return cut[: cut.rindex("\n")] if "\n" in cut else cut


def answer_rows(rows: Iterable[Mapping[str, Any]], renderer: Renderer, only_answer: bool) -> Any:
    """A `datasets.Dataset` of `input_ids` and `labels`; -100 where nothing is to be learnt."""
    from datasets import Dataset, concatenate_datasets

    parts: list[Any] = []
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        inputs: list[list[int]] = []
        labels: list[list[int]] = []
        for row in chunk:
            prompt, completion = renderer.tokens(row["question_text"], row["name"])
            inputs.append(prompt + completion)
            labels.append(([-100] * len(prompt) if only_answer else prompt) + completion)
        parts.append(Dataset.from_dict({"input_ids": inputs, "labels": labels}))
    return concatenate_datasets(parts)


def preference_rows(pairs: Iterable[Mapping[str, Any]], renderer: Renderer) -> Any:
    """A `datasets.Dataset` of prompt, chosen and rejected texts."""
    from datasets import Dataset

    rows: list[dict[str, str]] = []
    for pair in pairs:
        question = renderer.fit(pair["question"], (pair["chosen"], pair["rejected"]))
        prompt, chosen = renderer.texts(question, pair["chosen"])
        begin = renderer.tokenizer.bos_token or ""
        # TRL lets the tokenizer add the first token itself.
        rows.append(
            {
                "prompt": prompt.removeprefix(begin),
                "chosen": chosen,
                "rejected": renderer.texts(question, pair["rejected"])[1],
            }
        )
    return Dataset.from_list(rows)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    shared = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared += 1
    return shared


def _read_parquet(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as parquet

    present = parquet.read_schema(path).names
    _need(path, columns, present)
    for table in read_tables(path, list(columns)):
        yield from table.to_pylist()


def _read_json_lines(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise TrainingError(
                    f"{path}:{number}: not JSON; rows are one object each"
                ) from error
            _need(f"{path}:{number}", columns, row if isinstance(row, dict) else ())
            yield row


def _need(where: object, columns: Sequence[str], present: Iterable[str]) -> None:
    present = list(present)
    missing = [column for column in columns if column not in present]
    if missing:
        raise TrainingError(
            f"{where}: {' and '.join(missing)} missing; rows need {', '.join(columns)}"
        )
