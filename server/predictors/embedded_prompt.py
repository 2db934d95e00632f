"""Turns a question into the embedded model's prompt, and its answer back into a name.

The same code encodes the training rows, so the model is asked at the desk what it saw in school.
A prompt is `<begin>`, the context fields that are known, `<code>` and the masked text, `<name>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from dataset.question import Context, Question

PAD, BEGIN, END, NAME, CODE, CUT = "<pad>", "<begin>", "<end>", "<name>", "<code>", "<cut>"
SUMMARY = "<summary>"
FIELDS = ("file", "class", "decorators", "siblings", "docstring")
MARKERS = {field: f"<{field}>" for field in FIELDS}
SPECIAL_TOKENS = (PAD, BEGIN, END, NAME, CODE, CUT, SUMMARY, *MARKERS.values())
MAX_NAME_TOKENS = 12


@dataclass(frozen=True, slots=True)
class Limits:
    """The most tokens each part of a prompt may take; code keeps its head and its tail."""

    code_head: int = 272
    code_tail: int = 112
    fields: Mapping[str, int] | None = None

    def of(self, field: str) -> int:
        return (self.fields or _FIELD_LIMITS)[field]


_FIELD_LIMITS = {"file": 8, "class": 16, "decorators": 24, "siblings": 56, "docstring": 72}
LIMITS = Limits()


def field_texts(context: Context) -> dict[str, str]:
    """The text of each context field; an unknown field is empty."""
    return {
        "file": context.file_stem,
        "class": " ".join(context.class_chain),
        "decorators": " ".join(context.decorators),
        "siblings": " ".join(context.siblings),
        "docstring": context.docstring,
    }


def clip_code(ids: Sequence[int], cut: int, limits: Limits = LIMITS) -> list[int]:
    """Keep the signature and the returns of a long function: its head, `<cut>`, its tail."""
    if len(ids) <= limits.code_head + limits.code_tail:
        return list(ids)
    return [*ids[: limits.code_head], cut, *ids[len(ids) - limits.code_tail :]]


def answer_text(name: str) -> str:
    """The text the model learns for a name: each word follows an underscore, the first too.

    So `get` is the same token at the start of a name and within one, and a private name
    begins with a token of its own.
    """
    return "_" + name


def answer_name(tokens: Sequence[str]) -> str:
    """The name that answer tokens (byte-level, ASCII where valid) spell."""
    return "".join(tokens).removeprefix("_")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Ids of the tokens that build a prompt."""

    begin: int
    end: int
    name: int
    code: int
    cut: int
    summary: int
    markers: Mapping[str, int]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Vocabulary:
        """Look the special tokens up; raises KeyError naming the one a tokenizer lacks."""

        def look(token: str) -> int:
            found = tokenizer.token_to_id(token)
            if found is None:
                raise KeyError(token)
            return found

        markers = {field: look(marker) for field, marker in MARKERS.items()}
        return cls(
            look(BEGIN), look(END), look(NAME), look(CODE), look(CUT), look(SUMMARY), markers
        )


def assemble(
    code: Sequence[int], fields: Mapping[str, Sequence[int]], vocabulary: Vocabulary
) -> list[int]:
    """Join clipped token ids into a prompt that ends with `<name>`; empty fields leave no trace."""
    prompt = [vocabulary.begin]
    for field in FIELDS:
        ids = fields.get(field, ())
        if len(ids):
            prompt.append(vocabulary.markers[field])
            prompt.extend(ids)
    prompt.append(vocabulary.code)
    prompt.extend(code)
    prompt.append(vocabulary.name)
    return prompt


def encode(question: Question, tokenizer: Tokenizer, vocabulary: Vocabulary) -> list[int]:
    """Prompt ids of a question, at most about 570 of them."""
    texts = field_texts(question.context)
    known = [field for field in FIELDS if texts[field]]
    encodings = tokenizer.encode_batch_fast(
        [question.text, *(texts[field] for field in known)], add_special_tokens=False
    )
    fields = {
        field: encoding.ids[: LIMITS.of(field)]
        for field, encoding in zip(known, encodings[1:], strict=True)
    }
    return assemble(clip_code(encodings[0].ids, vocabulary.cut), fields, vocabulary)
