"""Trains the byte-level BPE tokenizer of the embedded model, which knows how identifiers are built.

Words of `snake_case` and `camelCase` names are split before merging (`_word` and `Word` are
pieces), unless identifiers are to be pieces as a whole, for comparison; a line end is one piece
with the indentation that follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from server.predictors.embedded_prompt import SPECIAL_TOKENS

WORDS = (
    r"\n *|[ _]?[A-Z]+(?![a-z])|[ _]?[A-Z]?[a-z]+|[ _]?\d{1,3}|_|[ _]?[^\W\d_]+|"
    r" ?[^\w\s]+|\s+"
)
IDENTIFIERS = r"\n *| ?\w+| ?[^\w\s]+|\s+"


def train_tokenizer(
    texts: Iterable[str], size: int, more: Sequence[str] = (), *, whole_identifiers: bool = False
) -> Tokenizer:
    """A tokenizer of `size` tokens, special ones and `more` of them first, learnt from `texts`.

    Merging stays within the words of identifiers, or with `whole_identifiers` within these alone.
    """
    pieces = IDENTIFIERS if whole_identifiers else WORDS
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pieces), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[*SPECIAL_TOKENS, *more],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
