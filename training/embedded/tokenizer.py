"""Trains the byte-level BPE tokenizer of the embedded model, which knows how identifiers are built.

Words of `snake_case` and `camelCase` names are split before merging (`_word` and `Word` are
pieces), and a line end is one piece with the indentation that follows it.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from server.predictors.embedded_prompt import SPECIAL_TOKENS

PIECES = (
    r"\n *|[ _]?[A-Z]+(?![a-z])|[ _]?[A-Z]?[a-z]+|[ _]?\d{1,3}|_|[ _]?[^\W\d_]+|"
    r" ?[^\w\s]+|\s+"
)


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """A tokenizer of `size` tokens, special ones first, learnt from `texts`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
