"""The requests an engine gets: chat or completions, with as many extras as it understands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from dataset.forms import ask_chat, llama2_prompt

Api: TypeAlias = Literal["chat", "completions"]
# A name, with the fence that some models put around it.
_MOST_TOKENS = 32
# What fine-tuning showed the model in its 1,024 tokens, in characters of ordinary code.
LONGEST_QUESTION = 3600


@dataclass(frozen=True, slots=True)
class Manner:
    """How an engine is asked: at which address, for several answers at once, with their scores."""

    api: Api
    several: bool = True
    scored: bool = True
    seeded: bool = True

    def plainer(self) -> Manner | None:
        """The next manner to try when the engine does not understand this one."""
        if self.several:
            # llama.cpp refuses more answers than it has slots, and can score all the same.
            return replace(self, several=False)
        if self.scored:
            return replace(self, scored=False)
        return replace(self, seeded=False) if self.seeded else None


def path_of(manner: Manner) -> str:
    """Where the request goes, after the base of the address."""
    return {"chat": "/chat/completions", "completions": "/completions"}[manner.api]


def body_of(question: str, model: str, manner: Manner, count: int, seed: int) -> dict[str, object]:
    """The request for `count` answers to a question; sampled, so that they differ."""
    body: dict[str, object] = {
        "temperature": 1.0,
        "max_tokens": _MOST_TOKENS,
        # Engines notice that nobody waits any longer while they stream.
        "stream": True,
    }
    if model:
        body["model"] = model
    if manner.seeded:
        body["seed"] = seed
    if manner.several and count > 1:
        body["n"] = count
    messages = ask_chat(question)
    if manner.api == "chat":
        body["messages"] = messages
        if manner.scored:
            body["logprobs"] = True
    else:
        body["prompt"] = llama2_prompt(messages)
        body["stop"] = ["\n"]
        if manner.scored:
            body["logprobs"] = 1
    return body


def shortened(question: str, longest: int = LONGEST_QUESTION) -> str:
    """The question without its last lines where it is too long, as fine-tuning cut it."""
    if len(question) <= longest:
        return question
    kept = question[:longest]
    return kept[: kept.rindex("\n")] if "\n" in kept else kept
