"""Questions as the tokens that a fine-tuned model saw in training: `dataset.forms` in its chat.

A question too long for the model loses its last lines, never the chat around it.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset.forms import ask_chat, llama2_prompt
from server.predictors.worker.checkpoint import ModelError
from server.predictors.worker.grammar import Grammar, make_grammar

LONGEST_ANSWER = 32
_SAMPLES = ("def x(self):\n    return 1", "async def x():\n    pass", "class A: pass")


class Prompts:
    """Writes prompts with a tokenizer; `prefix` is what all of them begin with, `longest` the most
    tokens of one."""

    def __init__(self, tokenizer: Any, longest: int) -> None:
        self._tokenizer = tokenizer
        self.longest = longest
        samples = [self._encode(sample) for sample in _SAMPLES]
        shared = 0
        while all(row[shared] == samples[0][shared] for row in samples):
            shared += 1
        # One less: the last common token might merge with what follows it.
        self.prefix = tuple(samples[0][: max(shared - 1, 0)])

    def tokens(self, question: str) -> list[int]:
        """Token ids of the prompt that asks a question, at most `longest` of them."""
        found = self._encode(question)
        while (over := len(found) - self.longest) > 0:
            question = self._shortened(question, over)
            found = self._encode(question)
        return found

    def answer(self, question: str, name: str, grammar: Grammar) -> tuple[list[int], list[int]]:
        """Token ids of the prompt, and of a name up to its end, tokenized as one text."""
        prompt = self.tokens(question)
        while len(prompt) > self.longest - LONGEST_ANSWER:
            question = self._shortened(question, LONGEST_ANSWER)
            prompt = self._encode(question)
        text = self._text(question)
        end = self._tokenizer.eos_token or ""
        space = "" if text[-1:].isspace() else " "
        whole = self._tokenizer(f"{text}{space}{name}{space}{end}", add_special_tokens=False)
        ids: list[int] = list(whole["input_ids"])
        shared = 0
        while shared < min(len(prompt), len(ids)) and prompt[shared] == ids[shared]:
            shared += 1
        answer: list[int] = []
        for token in ids[shared:]:
            answer.append(token)
            if answer[:-1] and bool(grammar.ends[token]):
                break
        return ids[:shared], answer

    def grammar(self, size: int) -> Grammar:
        """The grammar of names over the first `size` tokens."""
        tokenizer = self._tokenizer
        ends = {tokenizer.eos_token_id} - {None}
        for mark in ("<|im_end|>", "<|eot_id|>", "<|endoftext|>"):
            token = tokenizer.get_vocab().get(mark)
            if token is not None:
                ends.add(token)
        special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
        return make_grammar(tokenizer.get_vocab(), special, sorted(ends), size)

    def _encode(self, question: str) -> list[int]:
        return list(self._tokenizer(self._text(question), add_special_tokens=False)["input_ids"])

    def _text(self, question: str) -> str:
        tokenizer = self._tokenizer
        turns = ask_chat(question)
        if not tokenizer.chat_template:
            return (tokenizer.bos_token or "") + llama2_prompt(turns)
        return str(
            tokenizer.apply_chat_template(
                [dict(turn) for turn in turns], tokenize=False, add_generation_prompt=True
            )
        )

    def _shortened(self, question: str, over: int) -> str:
        encoded = self._tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)
        starts = [start for start, _ in encoded["offset_mapping"]]
        keep = len(starts) - over
        if keep < 1:
            raise ModelError("the chat around a question is longer than the model's limit")
        cut = question[: starts[keep]]
        return cut[: cut.rindex("\n")] if "\n" in cut else cut


def load_tokenizer(folders: Sequence[Path]) -> Any:
    """The tokenizer of the first folder that has one; raises ModelError when none has."""
    from transformers import AutoTokenizer

    for folder in folders:
        if not any((folder / name).exists() for name in ("tokenizer.json", "tokenizer.model")):
            continue
        try:
            return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except Exception as error:
            reason = " ".join(str(error).split())[:160]
            raise ModelError(f"{folder}: the tokenizer cannot be read ({reason})") from error
    raise ModelError(f"{folders[-1]}: no tokenizer.json there; fetch the model again")
