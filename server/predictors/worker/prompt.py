"""Questions as the tokens that a fine-tuned model saw in training: `dataset.forms` in its chat.

A question too long for the model loses its last lines, never the chat around it.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from dataset.forms import ask_chat, llama2_prompt
from server.predictors.worker.checkpoint import ModelError
from server.predictors.worker.grammar import Grammar, make_grammar

LONGEST_ANSWER = 32
_SAMPLES = ("def x(self):\n    return 1", "async def x():\n    pass", "class A: pass")


class Prompts:
    """Writes prompts with a tokenizer; `prefix` is what all of them begin with, `longest` the most
    tokens of one with its answer."""

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
        """Token ids of the prompt that asks a question; with an answer at most `longest`."""
        return self._fitted(question)[1]

    def rows(
        self, questions: Sequence[str], names: Sequence[str], grammar: Grammar
    ) -> list[tuple[list[int], list[int] | None]]:
        """Token ids of each prompt, and of the name that follows it up to its end.

        `names` may be empty. None for a name that wants another prompt than that (`answer`).
        """
        texts = [self._text(question) for question in questions]
        prompts = self._encode_all(texts)
        self._fit(list(questions), texts, prompts)
        answers: list[list[int] | None] = [None] * len(prompts)
        if names:
            named = [self._named(text, name) for text, name in zip(texts, names, strict=True)]
            ends = _ends(grammar)
            for index, whole in enumerate(self._encode_all(named)):
                size = len(prompts[index])
                if whole[:size] == prompts[index]:
                    answers[index] = _to_its_end(whole[size:], ends)
        return list(zip(prompts, answers, strict=True))

    def answer(self, question: str, name: str, grammar: Grammar) -> tuple[list[int], list[int]]:
        """Token ids of the prompt, and of a name up to its end, tokenized as one text."""
        text, prompt = self._fitted(question)
        whole = self._encode_all([self._named(text, name)])[0]
        shared = 0
        while shared < min(len(prompt), len(whole)) and prompt[shared] == whole[shared]:
            shared += 1
        return whole[:shared], _to_its_end(whole[shared:], _ends(grammar))

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
        return self._encode_all([self._text(question)])[0]

    @property
    def _most(self) -> int:
        """The most tokens of a prompt: a name has room after it, so that one read serves both."""
        return self.longest - LONGEST_ANSWER

    def _fitted(self, question: str) -> tuple[str, list[int]]:
        """A prompt's text and tokens, of as much of the question as there is room for."""
        texts = [self._text(question)]
        prompts = self._encode_all(texts)
        self._fit([question], texts, prompts)
        return texts[0], prompts[0]

    def _fit(self, questions: list[str], texts: list[str], prompts: list[list[int]]) -> None:
        """Cut what is too long, all at a time: questions, and with them texts and tokens."""
        while long := [index for index, one in enumerate(prompts) if len(one) > self._most]:
            shortened = self._shortened(
                [questions[index] for index in long],
                [len(prompts[index]) - self._most for index in long],
            )
            for index, question in zip(long, shortened, strict=True):
                questions[index], texts[index] = question, self._text(question)
            encoded = self._encode_all([texts[index] for index in long])
            for index, tokens in zip(long, encoded, strict=True):
                prompts[index] = tokens

    def _encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        return list(self._tokenizer(list(texts), add_special_tokens=False)["input_ids"])

    def _named(self, text: str, name: str) -> str:
        """A prompt's text with its answer."""
        space = "" if text[-1:].isspace() else " "
        return f"{text}{space}{name}{space}{self._tokenizer.eos_token or ''}"

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

    def _shortened(self, questions: Sequence[str], over: Sequence[int]) -> list[str]:
        """Questions without so many of their last tokens, and without the line these are in."""
        encoded = self._tokenizer(
            list(questions), add_special_tokens=False, return_offsets_mapping=True
        )
        found: list[str] = []
        offsets = encoded["offset_mapping"]
        for question, spans, count in zip(questions, offsets, over, strict=True):
            keep = len(spans) - count
            if keep < 1:
                raise ModelError("the chat around a question is longer than the model's limit")
            cut = question[: spans[keep][0]]
            found.append(cut[: cut.rindex("\n")] if "\n" in cut else cut)
        return found


def _ends(grammar: Grammar) -> set[int]:
    return set(grammar.ends.nonzero()[:, 0].tolist())


def _to_its_end(tokens: Sequence[int], ends: Set[int]) -> list[int]:
    """The tokens of a name up to the first that ends it."""
    stop = next((place for place, token in enumerate(tokens) if place and token in ends), None)
    return list(tokens if stop is None else tokens[: stop + 1])


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
