"""What a run of the embedded model may learn beside names, and in which pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from server.predictors.embedded_prompt import Vocabulary
from tests.training.embedded_runs import RECIPE, own_examples, refused, train
from training.embedded.encoding import Encoded, encode_examples, line_starts
from training.embedded.identifiers import MASK, identifiers_of, mask_one
from training.embedded.packing import ANSWER, IDENTIFIER, Dropout, pack
from training.embedded.tokenizer import train_tokenizer

TEXT = '''def x(self, rows, *, sep=", rows"):
    # rows are joined
    for row in rows:
        yield sep.join(row.cells_of(row)) or f"{rows}"'''


@pytest.fixture(scope="module")
def masking() -> Tokenizer:
    texts = (f"{e.text}\n_{e.name}" for e in own_examples())
    return train_tokenizer(texts, 600, (MASK,))


@pytest.fixture(scope="module")
def maskable(masking: Tokenizer) -> Encoded:
    return encode_examples(list, [own_examples()], masking, workers=1)


def test_identifiers_are_those_of_the_code_alone(masking: Tokenizer) -> None:
    encoding = masking.encode(TEXT, add_special_tokens=False)
    numbers, found = identifiers_of(TEXT, encoding.offsets)
    assert found == ["rows", "sep", "row", "join", "cells_of"]
    for number, name in enumerate(found, 1):
        text = "".join(
            TEXT[start:end]
            for (start, end), one in zip(encoding.offsets, numbers, strict=True)
            if one == number
        )
        count = {"rows": 2, "sep": 2, "row": 3, "join": 1, "cells_of": 1}[name]
        assert text.replace(" ", "") == name * count


def test_an_identifier_is_masked_wherever_the_code_mentions_it(masking: Tokenizer) -> None:
    encoding = masking.encode(TEXT, add_special_tokens=False)
    numbers, found = identifiers_of(TEXT, encoding.offsets)
    code, mask = np.array(encoding.ids, np.uint16), masking.token_to_id(MASK)
    seen: dict[str, str] = {}
    for seed in range(40):
        random = np.random.default_rng(seed)
        hidden, number = mask_one(code, np.array(numbers, np.uint16), mask, random)
        text = masking.decode(hidden.tolist(), skip_special_tokens=False)
        seen[found[number - 1]] = text.replace(" ", "")
    assert set(seen) == set(found)
    assert seen["cells_of"] == TEXT.replace("cells_of", MASK).replace(" ", "")
    assert seen["sep"] == TEXT.replace("sep", MASK).replace(" ", "")


def test_a_function_without_identifiers_of_its_own_stays(masking: Tokenizer) -> None:
    text = "def x(self):\n    return len(str(self))"
    encoding = masking.encode(text, add_special_tokens=False)
    numbers, found = identifiers_of(text, encoding.offsets)
    assert found == []
    code = np.array(encoding.ids, np.uint16)
    kept, number = mask_one(code, np.array(numbers, np.uint16), 5, np.random.default_rng(1))
    assert number == 0
    assert kept.tolist() == code.tolist()


@pytest.mark.parametrize("lines", [0.0, 0.5])
def test_masked_identifiers_are_learnt_behind_the_name(
    masking: Tokenizer, maskable: Encoded, lines: float
) -> None:
    vocabulary, mask = Vocabulary.of(masking), masking.token_to_id(MASK)
    packed = pack(
        maskable, np.arange(len(maskable)), vocabulary, Dropout(1.0, lines=lines), 1,
        maskable.longest(), False, line_starts(masking), masked=0.5,
    )  # fmt: skip
    learnt = 0
    for row, kinds in zip(packed.tokens, packed.kinds, strict=True):
        for begin in np.flatnonzero(row == vocabulary.begin):
            later = np.flatnonzero(row[begin + 1 :] == vocabulary.begin)
            end = begin + 1 + later[0] if len(later) else len(row)
            tokens, kind = row[begin:end], kinds[begin:end]
            target = tokens[kind == IDENTIFIER].tolist()
            prompt = tokens[: np.flatnonzero(kind == ANSWER)[0]]
            assert (mask in prompt) == bool(target)
            if target:
                learnt += 1
                assert target[0] == mask
                assert target[-1] == vocabulary.end
                assert masking.decode(target[1:-1]).startswith("_")
    assert 0.3 < learnt / len(maskable) < 0.55


def test_masked_identifiers_are_learnt_in_a_run(run_folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "masked.yaml"
    text = RECIPE.format(data=run_folder, out=tmp_path / "out", steps=3)
    recipe.write_text(text.replace("workers: 1}", "workers: 1, masked: 0.5}"))
    train("pretrain", "--config", recipe)
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    assert tokenizer.token_to_id(MASK) is not None
    assert (tmp_path / "out" / "weights.pt").exists()


def test_masking_without_a_token_for_it_is_refused(run_folder: Path) -> None:
    told = refused("training", "pretrain", "--config", run_folder / "tiny.yaml", "--stage", "train",
                   "packing.masked=0.5")  # fmt: skip
    assert "packing.masked: the tokenizer of" in told


def test_tokens_may_hold_whole_identifiers(tokenizer: Tokenizer) -> None:
    texts = [f"{e.text}\n_{e.name}" for e in own_examples()]
    whole = train_tokenizer(texts, 600, whole_identifiers=True)
    pieces = whole.pre_tokenizer.pre_tokenize_str("\n    self._getHTTPName2(a_b, __c)")
    assert [piece for piece, _ in pieces] == [
        "ĊĠĠĠĠ", "self", ".", "_getHTTPName2", "(", "a_b", ",", "Ġ__c", ")",
    ]  # fmt: skip
    joined = {token for token in whole.get_vocab() if "_" in token.strip("_") and "<" not in token}
    assert joined
    assert not joined & set(tokenizer.get_vocab())
    text = "def x(ä, *, b=1):\n\treturn 'ß' # 東京 \u2028\r\n  end"
    assert whole.decode(whole.encode(text).ids) == text
