"""The forms in which a chat model is asked a question and answers it: one place for all.

The default is the author's for Code Llama: a system prompt, the function as `def x(signature):`
without its docstring, the name alone as the answer, in Llama-2's chat format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypedDict

SYSTEM = (
    "You name Python functions. You are given a function whose name is hidden as `x`. Answer with"
    " the name it should have and nothing else."
)


class Message(TypedDict):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Chat(TypedDict):
    """A row in TRL's conversational form."""

    messages: list[Message]


class PromptCompletion(TypedDict):
    """A row in TRL's prompt and completion form; `completion` is what is learnt."""

    prompt: str
    completion: str


def ask_chat(question_text: str, system: str = SYSTEM) -> list[Message]:
    """The turns that ask a question: what a model is given at the desk and at school."""
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": f"```python\n{question_text}\n```"},
    ]


def chat(question_text: str, name: str, system: str = SYSTEM) -> Chat:
    """The question with its answer."""
    return {
        "messages": [
            *ask_chat(question_text, system),
            {"role": "assistant", "content": bare_name(name)},
        ]
    }


def prompt_completion(question_text: str, name: str, system: str = SYSTEM) -> PromptCompletion:
    """The same in Llama-2's text; the prompt ends on a token that no answer can merge with."""
    return {
        "prompt": llama2_prompt(ask_chat(question_text, system)),
        "completion": f" {bare_name(name)} ",
    }


def llama2_prompt(messages: list[Message]) -> str:
    """Llama-2's chat text of a system and a user turn, ready for the answer.

    The tokenizer adds the beginning-of-sequence token itself.
    """
    system, user = (message["content"].strip() for message in messages[:2])
    return f"[INST] <<SYS>>\n{system}\n<</SYS>>\n\n{user} [/INST]"


def bare_name(name: str) -> str:
    """The name without the class that some corpora write before it (`Reader.parse_line`)."""
    return name.rpartition(".")[2]


FORMS: Mapping[str, Callable[[str, str], Chat | PromptCompletion]] = {
    "chat": chat,
    "prompt-completion": prompt_completion,
}
