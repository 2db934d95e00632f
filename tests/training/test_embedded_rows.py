"""What the embedded model is trained on: tokens, examples, packed rows."""

from __future__ import annotations

import itertools

import numpy as np
from tokenizers import Tokenizer

from dataset.extract import functions_with_siblings
from dataset.question import Context, ask
from server.predictors.embedded_prompt import Vocabulary, encode
from tests.training.embedded_runs import (
    own_rows,
)
from training.embedded.batches import Plan, batches, order, shares_of
from training.embedded.encoding import Encoded, Example, encode_examples, line_starts
from training.embedded.packing import (
    ANSWER,
    BODY,
    NOTHING,
    PROMPT,
    Dropout,
    Packed,
    example_tokens,
    pack,
    thin,
)
from training.embedded.recipe import PackingRecipe


def test_words_of_names_are_pieces_of_their_own(tokenizer: Tokenizer) -> None:
    pieces = tokenizer.pre_tokenizer.pre_tokenize_str("\n    self._getHTTPName2(a_b, __c)")
    assert [piece for piece, _ in pieces] == [
        "ĊĠĠĠĠ", "self", ".", "_get", "HTTP", "Name", "2", "(", "a", "_b", ",", "Ġ", "_", "_c", ")",
    ]  # fmt: skip


def test_tokenizer_loses_nothing(tokenizer: Tokenizer) -> None:
    text = "def x(ä, *, b=1):\n\treturn 'ß' # 東京 \u2028\r\n  end"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_training_rows_ask_what_the_server_asks(tokenizer: Tokenizer, encoded: Encoded) -> None:
    vocabulary = Vocabulary.of(tokenizer)
    data, path = own_rows()[0]
    function, siblings = next(functions_with_siblings(data))
    question = ask(function, path=path.name, siblings=siblings)
    shown = ("file", "class", "decorators", "siblings", "docstring")
    code = encoded.columns["code"][0]
    ids, body, _ = example_tokens(encoded, 0, code, vocabulary, shown, summaries=False)
    assert ids[:body] == encode(question, tokenizer, vocabulary)


def test_packed_rows_hold_every_answer_once(tokenizer: Tokenizer, encoded: Encoded) -> None:
    vocabulary = Vocabulary.of(tokenizer)
    indices = np.arange(len(encoded))
    packed = pack(encoded, indices, vocabulary, Dropout(), seed=1, length=1024)
    answers = encoded.columns["answer"]
    assert (packed.tokens == vocabulary.begin).sum() == len(encoded)
    assert (packed.kinds == ANSWER).sum() == len(answers.flat) + len(encoded)


def test_prompts_that_are_read_both_ways_are_not_learnt(
    tokenizer: Tokenizer, encoded: Encoded
) -> None:
    vocabulary, indices = Vocabulary.of(tokenizer), np.arange(len(encoded))
    packed = pack(encoded, indices, vocabulary, Dropout(), seed=1, length=1024, both_ways=0.5)
    begins = packed.kinds[packed.tokens == vocabulary.begin]
    names = packed.kinds[packed.tokens == vocabulary.name]
    assert set(begins) == {NOTHING, PROMPT}
    assert set(names) == {BODY, PROMPT}
    assert 0.3 < (names == PROMPT).mean() < 0.7
    answers = encoded.columns["answer"]
    assert (packed.kinds == ANSWER).sum() == len(answers.flat) + len(encoded)
    first_row = packed.kinds[0][packed.tokens[0] != vocabulary.begin]
    # Between the beginning of a prompt and its end no kind changes.
    changes = {(int(a), int(b)) for a, b in itertools.pairwise(first_row)}
    assert not changes & {(PROMPT, BODY), (BODY, PROMPT)}


def names_in(batch: Packed, tokenizer: Tokenizer) -> list[str]:
    """The answers of a batch."""
    text = [tokenizer.id_to_token(int(i)) if kind == ANSWER else " "
            for i, kind in zip(batch.tokens.ravel(), batch.kinds.ravel(), strict=True)]  # fmt: skip
    return "".join(text).replace("<end>", " ").split()


def late_names(tokenizer: Tokenizer, encoded: Encoded) -> list[str]:
    """Answers that only late examples have."""
    names = [
        "".join(tokenizer.id_to_token(int(i)) for i in encoded.columns["answer"][place])
        for place in range(len(encoded))
    ]
    early = {name for name, late in zip(names, encoded.late, strict=True) if not late}
    return [
        name for name, late in zip(names, encoded.late, strict=True) if late and name not in early
    ]


def test_thinned_code_loses_whole_lines_and_keeps_the_signature(tokenizer: Tokenizer) -> None:
    starts, random = line_starts(tokenizer), np.random.default_rng(1)
    text = "def x(a):\n    b = a\n\n    for c in b:\n        c()\n    return b"
    code = np.array(tokenizer.encode(text).ids, np.uint16)
    lines = [line for line in text.splitlines() if line]
    assert tokenizer.decode(thin(code, starts, 0.0, random)) == text
    lengths: set[int] = set()
    for _ in range(50):
        left = [
            line for line in tokenizer.decode(thin(code, starts, 0.3, random)).splitlines() if line
        ]
        assert left[0] == lines[0]
        assert [line for line in lines if line in left] == left
        lengths.add(len(left))
    assert min(lengths) < len(lines)


def test_late_examples_wait_for_the_early_epochs(tokenizer: Tokenizer, encoded: Encoded) -> None:
    vocabulary, starts = Vocabulary.of(tokenizer), line_starts(tokenizer)
    plan = Plan(PackingRecipe(length=1024, rows=1, workers=1, early_epochs=2, summaries=False), 1)
    early, all_of_them = int((~encoded.late).sum()), len(encoded)
    assert 0 < early < all_of_them
    shown = 0
    for batch in batches(encoded, vocabulary, starts, plan):
        shown += int((batch.tokens == vocabulary.begin).sum())
        if shown >= 2 * early + all_of_them:
            break
        late_answers = set(late_names(tokenizer, encoded)) & set(names_in(batch, tokenizer))
        assert shown > 2 * early or not late_answers


def test_rows_of_the_longest_example_hold_every_one(tokenizer: Tokenizer, encoded: Encoded) -> None:
    vocabulary = Vocabulary.of(tokenizer)
    everything, length = Dropout(nothing=0.0, keep=1.0), encoded.longest()
    indices = np.arange(len(encoded))
    packed = pack(encoded, indices, vocabulary, everything, seed=1, length=length)
    assert (packed.tokens == vocabulary.begin).sum() == len(encoded)


def test_frequent_names_are_drawn_less_often(tokenizer: Tokenizer) -> None:
    context = Context()
    names = ["run"] * 100 + [f"rare_{number}" for number in range(40)]
    examples = [Example("def x():\n    pass", name, context) for name in names]
    encoded = encode_examples(list, [examples], tokenizer, workers=1)
    for above, least, most in ((0, 100, 100), (100, 100, 100), (25, 30, 70)):
        plan = Plan(PackingRecipe(frequent_above=above), seed=1)
        for epoch in range(3):
            drawn = order(encoded, epoch, plan, shares_of(encoded, above))
            assert least <= (drawn < 100).sum() <= most
            assert sorted(drawn[drawn >= 100]) == list(range(100, 140))
