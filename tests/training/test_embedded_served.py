"""A trained network in the forms that are served: the same scores, and measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from dataset.extract import functions_with_siblings
from dataset.forms import ask_chat
from dataset.question import ask
from server.predictors.embedded import load_embedded
from server.predictors.embedded_network import Network
from server.predictors.embedded_prompt import Vocabulary, encode
from tests.training.embedded_runs import (
    ROOT,
    own_rows,
    refused,
    train,
)
from training.embedded.attention import prompt_attention
from training.embedded.model import causal_attention
from training.embedded.restore import load_run, restore


@pytest.fixture(params=["causal", "both_ways_run", "tower_run"])
def run(request: pytest.FixtureRequest, run_folder: Path) -> Path:
    if request.param == "causal":
        return run_folder / "out"
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.mark.parametrize(
    ("quantization", "levels"), [("int8", 127), ("int8", 36), ("float32", 127)]
)
def test_a_served_model_becomes_a_run_again(
    run: Path, tmp_path: Path, quantization: str, levels: int
) -> None:
    served = tmp_path / "served"
    train("export", "--run", run, "--out", served, "--version", "tiny",
          "--quantization", quantization, "--levels", levels)  # fmt: skip
    restore(served, tmp_path / "run")
    before, after = (
        torch.load(path / "weights.pt", weights_only=True) for path in (run, tmp_path / "run")
    )
    assert before.keys() == after.keys()
    for name, value in before.items():
        step = value.float().abs().amax() / levels if quantization == "int8" else 0.0
        assert (after[name] - value.float()).abs().amax() <= 0.51 * step + 1e-6, name
    shapes = [json.loads((path / "shape.json").read_text())
              for path in (run, tmp_path / "run")]  # fmt: skip
    assert shapes[0] == shapes[1]
    again = tmp_path / "again"
    train("export", "--run", tmp_path / "run", "--out", again, "--version", "tiny",
          "--quantization", quantization, "--levels", levels)  # fmt: skip
    first, second = (np.load(folder / "model.npz") for folder in (served, again))
    assert first.files == second.files
    for name in first.files:
        np.testing.assert_allclose(second[name], first[name], rtol=1e-5, atol=0.01 * (
            first[name].dtype == np.float32))  # fmt: skip


def test_exported_model_scores_as_the_trained_one(run: Path, tmp_path: Path) -> None:
    train("export", "--run", run, "--out", tmp_path, "--version", "t",
          "--quantization", "float32")  # fmt: skip
    predictor = load_embedded(tmp_path)
    data, path = own_rows()[0]
    function, siblings = next(functions_with_siblings(data))
    question = ask(function, path=path.name, siblings=siblings)
    score = predictor.score([question], [function.name])[0]
    model = load_run(run)
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    vocabulary = Vocabulary.of(tokenizer)
    prompt = encode(question, tokenizer, vocabulary)
    answer = [*tokenizer.encode("_" + function.name).ids, vocabulary.end]
    skipped = len(question.prefix or "")
    ids = torch.tensor([prompt + answer])
    places = torch.arange(ids.shape[1])[None]
    attend = prompt_attention(places < len(prompt)) if model.shape.both_ways else causal_attention
    hidden = model(ids, places, attend, torch.float32)
    steps = model.logits(hidden).log_softmax(-1)[0]
    expected = sum(
        steps[len(prompt) - 1 + i, token].item() for i, token in enumerate(answer) if i >= skipped
    )
    underscore = tokenizer.token_to_id("_")
    if question.prefix is not None and answer[skipped] != underscore:  # no more of them
        another = steps[len(prompt) - 1 + skipped, underscore].exp()
        expected -= torch.log1p(-another).item()
    # The run is stored in bf16 and nothing is quantized: only rounding may differ.
    assert score == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("run", ["causal", "tower_run"], indirect=True)
def test_branches_share_a_prompt_as_if_each_had_read_it(run: Path, tmp_path: Path) -> None:
    train("export", "--run", run, "--out", tmp_path, "--version", "t",
          "--quantization", "float32")  # fmt: skip
    network = Network(tmp_path, threads=1)
    prompt, branches = list(range(5, 90)), np.array([[7, 8, 9], [100, 101, 7]])
    _, cache = network.read(prompt)
    itself = np.eye(2, dtype=np.bool_)
    first, one = network.go_on(cache, branches[:, 0], itself)
    second, two = network.go_on(one, branches[:, 1], np.hstack([itself, itself]))
    swapped = np.array([1, 0])
    seen = np.hstack([itself[swapped], itself[swapped], itself])
    third, three = network.go_on(two, branches[swapped, 2], seen)
    assert (three.prompt, three.own) == (len(prompt), 6)
    for row, tokens in enumerate(branches):
        read = [network.read([*prompt, *tokens[: n + 1]])[0] for n in range(3)]
        at_once, _ = network.go_on(cache, tokens, np.tri(3, dtype=np.bool_))
        np.testing.assert_allclose(at_once, read, atol=1e-4)
        np.testing.assert_allclose([first[row], second[row], third[1 - row]], read, atol=1e-4)


def test_run_exported_as_a_base_gives_the_same_logits(run_folder: Path, tmp_path: Path) -> None:
    train("export", "--form", "transformers", "--run", run_folder / "out", "--out", tmp_path)
    base = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    model = load_run(run_folder / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    turns = [dict(turn) for turn in ask_chat("def x(a):\n    return a")]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")
    ids = prompt["input_ids"]
    hidden = model(ids, torch.arange(ids.shape[1])[None], causal_attention, torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(
            base(input_ids=ids).logits, model.logits(hidden), atol=2e-4, rtol=1e-4
        )


def test_the_shipped_model_exported_as_a_base_gives_its_first_towers_logits(tmp_path: Path) -> None:
    served, base = ROOT / "server" / "weights", tmp_path / "base"
    train("export", "--form", "transformers", "--run", served, "--out", base)
    model = load_run(served, tmp_path / "restored")
    assert model.tower is not None
    model.tower = None
    other = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    ids = torch.arange(100, 140)[None]
    hidden = model(ids, torch.arange(40)[None], causal_attention, torch.float32)
    with torch.no_grad():
        wanted, found = model.logits(hidden), other(input_ids=ids).logits
    # The base's weights are in bf16, which keeps eight bits.
    assert (found - wanted).abs().max() < 0.02 * wanted.abs().max()
    assert (found.argmax(-1) == wanted.argmax(-1)).float().mean() > 0.9


def test_candidates_carry_the_score_of_their_name(run_folder: Path, tmp_path: Path) -> None:
    train("export", "--run", run_folder / "out", "--out", tmp_path, "--version", "t")
    predictor = load_embedded(tmp_path)
    questions = [ask(f) for data, _ in own_rows()[:1] for f, _ in functions_with_siblings(data)][:5]
    for question, found in zip(questions, predictor.predict(questions, 4), strict=True):
        for candidate in found:
            score = predictor.score([question], [candidate.name])[0]
            assert candidate.name.startswith(question.prefix or "")
            # A name spelt by other tokens than the tokenizer's own scores lower, never higher.
            assert score <= candidate.log_probability + 0.3


def test_what_a_model_of_few_levels_learns_further_is_kept(run: Path, tmp_path: Path) -> None:
    train("export", "--run", run, "--out", tmp_path / "few", "--version", "t", "--levels", "36")
    restore(tmp_path / "few", tmp_path / "taught")
    state = torch.load(tmp_path / "taught" / "weights.pt", weights_only=True)
    random = torch.Generator().manual_seed(1)
    learnt = {  # a fifth of the step between two of the levels
        name: value.abs().amax() / 36 / 5 * torch.randn(value.shape, generator=random)
        for name, value in state.items()
        if value.ndim == 2
    }
    changed = {name: value + learnt.get(name, 0.0) for name, value in state.items()}
    torch.save(changed, tmp_path / "taught" / "weights.pt")
    train("export", "--run", tmp_path / "taught", "--out", tmp_path / "own", "--version", "own")
    restore(tmp_path / "own", tmp_path / "again")
    after = torch.load(tmp_path / "again" / "weights.pt", weights_only=True)
    for name, change in learnt.items():
        kept = ((after[name] - state[name]) * change).sum() / (change**2).sum()
        assert kept > 0.8, name


def test_levels_that_int8_does_not_have_are_refused(run_folder: Path, tmp_path: Path) -> None:
    told = refused("training", "export", "--run", run_folder / "out", "--out", tmp_path,
                   "--version", "t", "--levels", "200")  # fmt: skip
    assert "1 to 127" in told


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    told = refused("server", "suggest", "examples/orders.py", "--line", "23",
                   "--set", f"embedded.weights={tmp_path / 'none'}")  # fmt: skip
    assert str(tmp_path / "none") in told


def test_evaluate_writes_the_agreed_fields(run_folder: Path, tmp_path: Path) -> None:
    train("export", "--run", run_folder / "out", "--out", tmp_path / "w", "--version", "t")
    data = tmp_path / "rows.jsonl"
    sources = ["def add(a, b):\n    return a + b\n", "def sub(a, b):\n    return a - b\n"]
    data.write_text("\n".join(json.dumps({"source": source}) for source in sources))
    train("evaluate", "--weights", tmp_path / "w", "--data", data, "--context", "file",
          "--json", tmp_path / "report.json")  # fmt: skip
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["n"] == 2
    for field in ("exact_match", "micro_precision", "micro_recall", "micro_f1", "macro_f1",
                  "top5_exact_match", "expected_calibration_error"):  # fmt: skip
        assert 0.0 <= report[field] <= 1.0
    assert report["functions_per_second"] > 0


@pytest.mark.parametrize(
    ("line", "message"),
    [("{}", "rows.jsonl:1"), ("not json", "rows.jsonl:1"), ('{"source": "x = 1"}', "rows.jsonl:1")],
)
def test_bad_evaluation_rows_are_one_line(tmp_path: Path, line: str, message: str) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text(line)
    assert message in refused("training", "evaluate", "--data", data)
