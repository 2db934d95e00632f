"""The worker's search finds what transformers' own beam search finds, with the same scores."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks import gpu_reference
from dataset.functions import find_functions
from dataset.question import ask
from server.predictors.worker import batches
from server.predictors.worker.engine import LEAST_BATCH, Engine, Prompt, Stopped
from server.predictors.worker.grammar import make_grammar
from server.predictors.worker.model import Model, Wanted, load_model
from server.predictors.worker.search import advance, hypotheses, new_beams, reset

ROOT = Path(__file__).parents[2]
BEAMS, STEPS = 5, 8


def questions(count: int) -> list[str]:
    """Functions of this project, the short ones, as they are asked about."""
    found: list[str] = []
    for path in sorted((ROOT / "server").rglob("*.py")):
        texts = [ask(function).text for function in find_functions(path.read_bytes())]
        found += [text for text in texts if len(text) < 400]
    assert len(found) >= count
    return found[:count]


def prompts(model: Model, count: int) -> list[Prompt]:
    start = model.engine.grammar.start(None)
    return [Prompt(model.prompts.tokens(text), start) for text in questions(count)]


def without_spaces(model: Model) -> Model:
    """The same model, which cannot write a space of its own before the name."""
    grammar = gpu_reference.comparable(model.engine.grammar)
    engine = Engine(model.engine.network, grammar, model.engine.prefix, STEPS)
    return Model(model.prompts, engine, BEAMS)


def test_it_agrees_with_transformers_on_200_prompts(model: Model, base: Path) -> None:
    """Sets are equal for 98%, log-probabilities within 0.05."""
    asked = prompts(model, 200)
    engine = without_spaces(model).engine
    grammar = engine.grammar
    ours = engine.answer(asked, BEAMS)
    reference = gpu_reference.as_transformers(base, gpu_reference.in_float32(model.engine.network))
    with torch.inference_mode():
        theirs = [gpu_reference.generate(reference, one, grammar, BEAMS, STEPS) for one in asked]
    found = gpu_reference.compare(ours, theirs)
    assert found.equal_sets >= 0.98, found.told()
    assert found.most_apart < 0.05, found.told()
    # A test in which nothing ends, or everything at once, would show little.
    lengths = {len(one.tokens) for row in ours for one in row if one.ended}
    assert len(lengths) >= 4


def test_four_bits_and_an_adapter_agree_with_peft_and_bitsandbytes(
    base: Path, adapter: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    wanted = Wanted(str(base), str(adapter), "memory", "cpu")
    model = load_model(wanted, lambda what, share: None, STEPS)
    asked = prompts(model, 24)
    ours = model.engine.answer(asked, BEAMS)
    quantised = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    plain = AutoModelForCausalLM.from_pretrained(
        base, quantization_config=quantised, dtype=torch.float32
    )
    reference = PeftModel.from_pretrained(plain, str(adapter)).eval()
    with torch.inference_mode():
        theirs = [
            gpu_reference.generate(reference, one, model.engine.grammar, BEAMS, STEPS)
            for one in asked
        ]
    found = gpu_reference.compare(ours, theirs)
    # Scales are kept in 16 bits here, and weights that bitsandbytes restores are rounded.
    assert found.overlap >= 0.95, found.told()
    assert found.median_apart < 0.05, found.told()


def test_merging_an_adapter_gives_what_it_gives_beside_its_base(base: Path, adapter: Path) -> None:
    wanted = Wanted(str(base), str(adapter), "speed", "cpu")
    merged = load_model(wanted, lambda what, share: None, STEPS)
    without = load_model(Wanted(str(base), "", "speed", "cpu"), lambda what, share: None, STEPS)
    asked = prompts(merged, 8)
    assert merged.engine.answer(asked, BEAMS) != without.engine.answer(asked, BEAMS)


def test_a_batch_gives_what_single_questions_give(model: Model) -> None:
    asked = prompts(model, 12)
    single = [model.engine.answer([one], BEAMS)[0] for one in asked]
    found = gpu_reference.compare(model.engine.answer(asked, BEAMS), single)
    assert (found.equal_sets, found.most_apart < 1e-3) == (1.0, True)


def test_a_name_is_scored_as_it_was_found(model: Model) -> None:
    asked = prompts(model, 6)
    found = model.engine.answer(asked, BEAMS)
    apart = [
        abs(model.engine.score([prompt.tokens], [one.tokens])[0] - one.log_probability)
        for prompt, row in zip(asked, found, strict=True)
        for one in row
    ]
    assert len(apart) == 6 * BEAMS
    assert max(apart) < 1e-3


def test_present_names_are_scored_in_the_same_read(model: Model) -> None:
    """Beside prompts of all lengths, one too long for a name after it, and known underscores."""
    long = "\n".join(f"    total += values[{number}]" for number in range(2000))
    texts = [*questions(9), f"def x(values):\n{long}\n    return total"]
    present = [
        "read",
        "_read_all",
        "__get",
        "x",
        "getHTTPResponse",
        "a_b_c",
        "_",
        "run",
        "é",
        "sum",
    ]
    prefixes = [None, "_", "__", "", "", None, "_", "", "", ""]
    names, scores = model.judge(texts, prefixes, 5, present)
    apart = [
        abs(model.score([text], [name])[0] - score)
        for text, name, score in zip(texts, present, scores, strict=True)
    ]
    assert max(apart) < 1e-3
    assert len(set(scores)) == len(scores)
    alone = [
        model.names([text], [prefix], 5)[0] for text, prefix in zip(texts, prefixes, strict=True)
    ]
    for together, single in zip(names, alone, strict=True):
        assert [one.name for one in together] == [one.name for one in single]
        assert (
            max(
                abs(one.log_probability - other.log_probability)
                for one, other in zip(together, single, strict=True)
            )
            < 1e-3
        )


def test_batches_of_one_class_give_what_single_questions_give(model: Model) -> None:
    """Several batches over the same memory, dummies among them."""
    asked = prompts(model, 12)
    lengths = [prompt.length for prompt in asked]

    def has_dummies(tokens: int) -> bool:
        split = batches.split(lengths, tokens, BEAMS * STEPS)
        return len(split) > 1 and any(batch.rows > len(batch.members) for batch in split)

    tokens = next(tokens for tokens in range(500, 5000, 100) if has_dummies(tokens))
    network, grammar, prefix = model.engine.network, model.engine.grammar, model.engine.prefix
    engine = Engine(network, grammar, prefix, STEPS, batch_tokens=tokens)
    single = [model.engine.answer([one], BEAMS)[0] for one in asked]
    for _ in range(2):
        found = gpu_reference.compare(engine.answer(asked, BEAMS), single)
        assert (found.equal_sets, found.most_apart < 1e-3) == (1.0, True)
    # With less memory, and after what others left there.
    engine.release()
    engine.batch_tokens = 300
    found = gpu_reference.compare(engine.answer(asked, BEAMS), single)
    assert (found.equal_sets, found.most_apart < 1e-3) == (1.0, True)


def test_the_longest_prompts_share_the_smallest_batches() -> None:
    lengths = [100, 90, 1200, 130, 300, *[95] * 200]
    split = batches.split(lengths, 8192, 40)
    assert sorted(index for one in split for index in one.members) == list(range(len(lengths)))
    for one in split:
        assert max(lengths[index] for index in one.members) <= one.room
        assert len(one.members) <= one.rows
        assert one.rows == 1 or one.rows * (one.room + 40) <= 8192
    assert split[0].members[0] == 2
    assert batches.split([], 8192, 40) == []


def test_portions_that_are_read_together_have_few_tokens_and_leave_none_out() -> None:
    lengths = [900, 700, 300, 300, 290, 40, 40]
    found = batches.portions(lengths, 1000)
    assert [index for one in found for index in range(*one.indices(7))] == list(range(7))
    assert [len(lengths[one]) for one in found] == [1, 1, 3, 2]
    assert batches.portions([], 1000) == []


def test_short_memory_costs_batches_first_and_the_ends_of_prompts_last(model: Model) -> None:
    engine, prompts_of = model.engine, model.prompts
    batch, longest = engine.batch_tokens, prompts_of.longest
    seen: list[tuple[int, int]] = []

    def ask(failures: int) -> str:
        seen.append((engine.batch_tokens, prompts_of.longest))
        if len(seen) <= failures:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "answer"

    try:
        assert model.with_less_memory(lambda: ask(1)) == "answer"
        assert seen == [(batch, longest), (max(batch // 8, LEAST_BATCH), longest)]
        smaller = engine.batch_tokens
        assert LEAST_BATCH <= smaller < batch
        seen.clear()
        assert model.with_less_memory(lambda: ask(2)) == "answer"
        assert seen[2] == (LEAST_BATCH, longest // 4)
        seen.clear()
        with pytest.raises(torch.OutOfMemoryError):
            model.with_less_memory(lambda: ask(3))
        with pytest.raises(ZeroDivisionError):
            model.with_less_memory(lambda: 1 // 0)
        assert prompts_of.longest == longest
        assert model.names(questions(2), [None] * 2, 5)
    finally:
        engine.batch_tokens = batch


@pytest.mark.parametrize("prefix", ["", "_", "__"])
def test_known_underscores_are_kept(model: Model, prefix: str) -> None:
    for names in model.names(questions(8), [prefix] * 8, 5):
        for one in names:
            assert one.name.isidentifier()
            assert len(one.name) - len(one.name.lstrip("_")) == len(prefix)


def test_a_long_function_loses_its_end_only(model: Model) -> None:
    body = "\n".join(f"    total += values[{number}]" for number in range(2000))
    tokens = model.prompts.tokens(f"def x(values):\n{body}\n    return total")
    assert len(tokens) <= model.prompts.longest
    assert tokens[: len(model.prompts.prefix)] == list(model.prompts.prefix)
    assert tokens[-3:] == model.prompts.tokens("def x(): pass")[-3:]


def test_a_space_before_the_name_does_not_end_it() -> None:
    pieces = {"<s>": 0, "</s>": 1, "▁": 2, "▁get": 3, "get": 4}
    grammar = make_grammar(pieces, {0, 1}, [1], len(pieces))
    beams = new_beams(1, 2, 3, torch.device("cpu"))
    reset(beams, torch.tensor([grammar.start("")]))
    favoured = torch.zeros((3, 2, len(pieces)))
    favoured[0, :, 2], favoured[1, :, 4], favoured[2, :, 1] = 9.0, 9.0, 9.0
    for logits in favoured:
        advance(beams, logits, grammar)
    best = hypotheses(beams)[0][0]
    assert best.tokens == (2, 4, 1)
    assert best.ended
    assert grammar.name(best.tokens) == "get"


def test_it_stops_between_steps(model: Model) -> None:
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) == 3

    with pytest.raises(Stopped):
        model.engine.answer(prompts(model, 1), BEAMS, stop)


PIECES = {
    "</s>": 0, "▁": 1, "▁get": 2, "get": 3, "_": 4, "▁_": 5, "__": 6, "2": 7, "(": 8, "▁x": 9,
    "<0x0A>": 10, "_items": 11, "▁__": 12, "é": 13,
}  # fmt: skip


@pytest.mark.parametrize(
    ("prefix", "tokens", "name"),
    [
        ("", [2, 11, 0], "get_items"),
        ("", [1, 3, 7, 10], "get2"),
        ("", [5, 3, 0], None),
        ("", [1, 7, 0], None),
        ("", [2, 8, 0], None),
        ("", [2, 9, 0], None),
        ("_", [5, 3, 1], "_get"),
        ("_", [2, 0], None),
        ("_", [12, 3, 0], None),
        ("__", [12, 3, 0], "__get"),
        ("__", [5, 4, 3, 0], "__get"),
        (None, [5, 3, 0], "_get"),
        (None, [2, 4, 3, 0], "get_get"),
        (None, [2, 13, 0], None),
        (None, [0], None),
    ],
)
def test_what_spells_a_name(prefix: str | None, tokens: list[int], name: str | None) -> None:
    grammar = make_grammar(PIECES, {0}, [0], len(PIECES))
    state = grammar.start(prefix)
    allowed = True
    for token in tokens:
        allowed = allowed and bool(grammar.allowed[state, token])
        state = int(grammar.following[state, token])
    assert allowed == (name is not None)
    assert bool(grammar.ends[tokens[-1]])
    if name is not None:
        assert grammar.name(tokens) == name
