"""The embedded model from rows to shipped form, at a size that a processor trains in seconds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

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
from training.embedded.attention import packed_attention, positions_and_documents
from training.embedded.batches import Plan, batches
from training.embedded.loop import Device, Trainer
from training.embedded.model import Decoder, Shape, causal_attention
from training.embedded.packing import (
    ANSWER,
    Dropout,
    Encoded,
    Example,
    Packed,
    encode_examples,
    example_tokens,
    pack,
    thin,
)
from training.embedded.pipeline import line_starts
from training.embedded.restore import load_run, restore
from training.embedded.schedule import Schedule
from training.embedded.tokenizer import train_tokenizer

ROOT = Path(__file__).parents[2]
RECIPE = """\
data: {data}
out: {out}
vocabulary: 600
tokenizer_sample: 1000
encode_workers: 1
shape: {{width: 64, layers: 2, heads: 2, key_value_heads: 1, feed_forward: 96}}
packing: {{length: 1024, rows: 2, workers: 1}}
schedule: {{steps: {steps}, warmup_steps: 3}}
"""


def own_rows() -> list[tuple[bytes, Path]]:
    paths = sorted((ROOT / "server").glob("*.py"))
    return [(data, path) for path in paths if b"def " in (data := path.read_bytes())]


def own_examples() -> list[Example]:
    return [
        Example(question.text, function.name, question.context, late=path.name < "d")
        for data, path in own_rows()
        for function, siblings in functions_with_siblings(data)
        for question in [ask(function, path=path.name, siblings=siblings)]
    ]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer((f"{e.text}\n_{e.name}" for e in own_examples()), 600)


@pytest.fixture(scope="module")
def encoded(tokenizer: Tokenizer) -> Encoded:
    return encode_examples(list, [own_examples()], tokenizer, workers=1)


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
    plan = Plan(length=1024, rows=1, seed=1, workers=1, early_epochs=2, summaries=False)
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


def test_packed_functions_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    model = Decoder(Shape(vocabulary=50, width=32, layers=2, heads=2, key_value_heads=1,
                          feed_forward=48))  # fmt: skip
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    first, second = torch.tensor([[1, 7, 8, 9]]), torch.tensor([[1, 20, 21]])
    row = torch.cat((first, second), 1)
    positions, documents = positions_and_documents(row, begin=1)
    together = model(row, positions, packed_attention(documents), torch.float32)
    for part, place in ((first, slice(0, 4)), (second, slice(4, 7))):
        alone = model(part, torch.arange(part.shape[1])[None], causal_attention, torch.float32)
        torch.testing.assert_close(together[:, place], alone)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 40 steps through the real command, on this project's own functions."""
    folder = tmp_path_factory.mktemp("run")
    run_module("dataset", "build", "--source", "folder", "--path", ROOT / "server",
               "--out", folder, "--workers", 1)  # fmt: skip
    recipe = folder / "tiny.yaml"
    recipe.write_text(RECIPE.format(data=folder, out=folder / "out", steps=40))
    train("pretrain", "--config", recipe)
    return folder


def train(*arguments: object) -> str:
    return run_module("training", *arguments)


def run_module(*arguments: object) -> str:
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer_losses(folder: Path) -> list[float]:
    lines = (folder / "out" / "log.txt").read_text().splitlines()
    return [float(line.split("answer_loss ")[1].split()[0]) for line in lines]


def test_training_learns(run_folder: Path) -> None:
    losses = answer_losses(run_folder)
    assert losses[0] > 5.0
    assert losses[-1] < losses[0] - 1.0


def test_the_clock_begins_when_the_first_step_is_done(
    tokenizer: Tokenizer, encoded: Encoded, tmp_path: Path
) -> None:
    """Compiling, which is part of it, may take as long as a short run has."""
    vocabulary = Vocabulary.of(tokenizer)
    shape = Shape(vocabulary=tokenizer.get_vocab_size(), width=32, layers=1, heads=2,
                  key_value_heads=1, feed_forward=48)  # fmt: skip
    schedule = Schedule(minutes=0.5 / 60)
    trainer = Trainer(Decoder(shape), schedule, Device(torch.device("cpu")), vocabulary.begin)
    packed = pack(encoded, np.arange(4), vocabulary, Dropout(), seed=1, length=encoded.longest())
    learn, slow = trainer._loss, [True]

    def slow_at_first(*arguments: Any) -> Any:
        if slow.pop() if slow else False:
            time.sleep(1.0)
        return learn(*arguments)

    trainer._loss = slow_at_first
    begun = time.monotonic()
    trainer.run(iter(lambda: packed, None), tmp_path / "log.txt", tmp_path / "checkpoint.pt", 0)
    assert trainer.step > 1
    assert time.monotonic() - begun > 1.4


def test_resumed_training_goes_on_from_the_checkpoint(run_folder: Path) -> None:
    (run_folder / "more.yaml").write_text(
        RECIPE.format(data=run_folder, out=run_folder / "out", steps=50)
    )
    before = len(answer_losses(run_folder))
    train("pretrain", "--config", run_folder / "more.yaml", "--resume")
    added = (run_folder / "out" / "log.txt").read_text().splitlines()[before:]
    assert added
    assert added[-1].startswith("step 50 ")


def test_a_finished_run_is_refreshed_on_other_functions(run_folder: Path) -> None:
    recipe = run_folder / "refresh.yaml"
    recipe.write_text(
        RECIPE.format(data=run_folder, out=run_folder / "out", steps=40)
        + f"refresh: {{data: {run_folder}, examples: 96, batch: 16, rate: 0.003}}\n"
    )
    train("pretrain", "--config", recipe, "--stage", "refresh")
    before, after = (
        torch.load(path / "weights.pt", weights_only=True)
        for path in (run_folder / "out", run_folder / "out" / "refreshed")
    )
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert "embedding.weight" not in changed
    assert "layers.0.attention.q.weight" in changed
    lines = (run_folder / "out" / "log.txt").read_text().splitlines()
    assert lines[-1].startswith("refresh step 6 of 6 answer_loss ")


@pytest.mark.parametrize("quantization", ["int8", "float32"])
def test_a_served_model_becomes_a_run_again(
    run_folder: Path, tmp_path: Path, quantization: str
) -> None:
    served = tmp_path / "served"
    train("export", "--run", run_folder / "out", "--out", served, "--version", "tiny",
          "--quantization", quantization)  # fmt: skip
    restore(served, tmp_path / "run")
    before, after = (
        torch.load(path / "weights.pt", weights_only=True)
        for path in (run_folder / "out", tmp_path / "run")
    )
    assert before.keys() == after.keys()
    for name, value in before.items():
        step = value.float().abs().amax() / 127 if quantization == "int8" else 0.0
        assert (after[name] - value.float()).abs().amax() <= 0.51 * step + 1e-6, name
    shapes = [json.loads((path / "shape.json").read_text())
              for path in (run_folder / "out", tmp_path / "run")]  # fmt: skip
    assert shapes[0] == shapes[1]
    again = tmp_path / "again"
    train("export", "--run", tmp_path / "run", "--out", again, "--version", "tiny",
          "--quantization", quantization)  # fmt: skip
    assert (again / "model.bin").stat().st_size == (served / "model.bin").stat().st_size


def test_where_there_is_no_run_the_shipped_model_is_taught(run_folder: Path) -> None:
    recipe = run_folder / "own.yaml"
    recipe.write_text(
        f"data: {run_folder}\nout: {run_folder / 'own'}\nseed: 1\nencode_workers: 1\n"
        f"refresh: {{data: {run_folder}, examples: 4, batch: 2, rate: 0.001}}\n"
    )
    train("pretrain", "--config", recipe, "--stage", "refresh")
    served = run_folder / "own-served"
    train("export", "--run", run_folder / "own" / "refreshed", "--out", served, "--version", "own")
    asked = [sys.executable, "-m", "server", "suggest", "examples/orders.py", "--line", "23",
             "--json", "--set", f"embedded.weights={served}"]  # fmt: skip
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["suggestions"]


@pytest.mark.parametrize("begin", ["run", "served"])
def test_training_begins_with_the_weights_of_another(
    run_folder: Path, tmp_path: Path, begin: str
) -> None:
    start = run_folder / "out"
    if begin == "served":
        start = tmp_path / "served"
        train("export", "--run", run_folder / "out", "--out", start, "--version", "tiny")
    recipe = tmp_path / "further.yaml"
    recipe.write_text(
        RECIPE.format(data=run_folder, out=tmp_path / "out", steps=1) + f"start: {start}\n"
    )
    train("pretrain", "--config", recipe)
    # The loss of its first step is that of the weights it begins with.
    assert answer_losses(tmp_path)[0] < answer_losses(run_folder)[0] - 1.0


def test_a_share_of_the_first_weights_stays(run_folder: Path, tmp_path: Path) -> None:
    states = []
    for share in (0.0, 0.25, 1.0):
        recipe, out = tmp_path / "further.yaml", tmp_path / str(share)
        text = RECIPE.format(data=run_folder, out=out, steps=3).replace("warmup_steps: 3", "")
        text += f"start: {run_folder / 'out'}\nstart_share: {share}\ndropout: 0.1\n"
        recipe.write_text(text.replace(", }", "}"))
        train("pretrain", "--config", recipe)
        states.append(torch.load(out / "weights.pt", weights_only=True))
    begun = torch.load(run_folder / "out" / "weights.pt", weights_only=True)
    end, between, first = states
    for name, value in begun.items():
        assert first[name].equal(value)
        torch.testing.assert_close(
            between[name].float(), end[name].float().lerp(value.float(), 0.25), rtol=0.01, atol=1e-3
        )
    assert not end["layers.0.attention.q.weight"].equal(begun["layers.0.attention.q.weight"])


@pytest.mark.parametrize(
    ("start", "words"), [("nowhere", "no tokenizer.json there"), ("other", "its shape is")]
)
def test_a_start_that_does_not_fit_is_named(
    run_folder: Path, tmp_path: Path, start: str, words: str
) -> None:
    folder = tmp_path / start
    if start == "other":
        folder.mkdir()
        for name in ("weights.pt", "tokenizer.json", "shape.json"):
            (folder / name).write_bytes((run_folder / "out" / name).read_bytes())
    recipe = tmp_path / "further.yaml"
    text = RECIPE.format(data=run_folder, out=tmp_path / "out", steps=1)
    recipe.write_text(text.replace("layers: 2", "layers: 3") + f"start: {folder}\n")
    done = subprocess.run(
        [sys.executable, "-m", "training", "pretrain", "--config", str(recipe)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_rows_too_short_for_an_example_are_named(run_folder: Path) -> None:
    command = ["pretrain", "--config", run_folder / "tiny.yaml", "packing.length=64"]
    done = subprocess.run(
        [sys.executable, "-m", "training", *map(str, command)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "packing.length: 64 tokens do not hold the longest example; give " in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    asked = [sys.executable, "-m", "server", "suggest", "examples/orders.py", "--line", "23",
             "--set", f"embedded.weights={tmp_path / 'none'}"]  # fmt: skip
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(tmp_path / "none") in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_refreshing_needs_its_section(run_folder: Path) -> None:
    command = [sys.executable, "-m", "training", "pretrain", "--stage", "refresh"]
    done = subprocess.run([*command, "--config", str(run_folder / "tiny.yaml")], cwd=ROOT,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("training: the recipe has no section `refresh`")
    assert len(done.stderr.strip().splitlines()) == 1


def test_exported_model_scores_as_the_trained_one(run_folder: Path, tmp_path: Path) -> None:
    train("export", "--run", run_folder / "out", "--out", tmp_path, "--version", "t",
          "--quantization", "float32")  # fmt: skip
    predictor = load_embedded(tmp_path)
    data, path = own_rows()[0]
    function, siblings = next(functions_with_siblings(data))
    question = ask(function, path=path.name, siblings=siblings)
    score = predictor.score([question], [function.name])[0]
    shape = Shape(**json.loads((run_folder / "out" / "shape.json").read_text()))
    model = Decoder(shape)
    state = torch.load(run_folder / "out" / "weights.pt", weights_only=True)
    model.load_state_dict({name: value.float() for name, value in state.items()})
    tokenizer = Tokenizer.from_file(str(run_folder / "out" / "tokenizer.json"))
    vocabulary = Vocabulary.of(tokenizer)
    prompt = encode(question, tokenizer, vocabulary)
    answer = [*tokenizer.encode("_" + function.name).ids, vocabulary.end]
    skipped = len(question.prefix or "")
    ids = torch.tensor([prompt + answer])
    hidden = model(ids, torch.arange(ids.shape[1])[None], causal_attention, torch.float32)
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


def test_branches_share_a_prompt_as_if_each_had_read_it(run_folder: Path, tmp_path: Path) -> None:
    train("export", "--run", run_folder / "out", "--out", tmp_path, "--version", "t",
          "--quantization", "float32")  # fmt: skip
    network = Network(tmp_path, threads=1)
    prompt, branches = list(range(5, 90)), np.array([[7, 8, 9], [100, 101, 7]])
    _, cache = network.read(prompt)
    at_once, _ = network.go_on(cache, None, branches)
    first, own = network.go_on(cache, None, branches[:, :1])
    second, more = network.go_on(cache, own, branches[:, 1:2])
    swapped = np.array([1, 0])
    third, _ = network.go_on(cache, own.then(more).of_branches(swapped), branches[swapped, 2:])
    for row, tokens in enumerate(branches):
        read = [network.read([*prompt, *tokens[: n + 1]])[0] for n in range(3)]
        np.testing.assert_allclose(at_once[3 * row : 3 * row + 3], read, atol=1e-4)
        np.testing.assert_allclose([first[row], second[row], third[1 - row]], read, atol=1e-4)


def test_run_exported_as_a_base_gives_the_same_logits(run_folder: Path, tmp_path: Path) -> None:
    train("export", "--form", "transformers", "--run", run_folder / "out", "--out", tmp_path)
    base = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    model = Decoder(Shape(**json.loads((run_folder / "out" / "shape.json").read_text())))
    state = torch.load(run_folder / "out" / "weights.pt", weights_only=True)
    model.load_state_dict({name: value.float() for name, value in state.items()})
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    turns = [dict(turn) for turn in ask_chat("def x(a):\n    return a")]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")
    ids = prompt["input_ids"]
    hidden = model(ids, torch.arange(ids.shape[1])[None], causal_attention, torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(
            base(input_ids=ids).logits, model.logits(hidden), atol=2e-4, rtol=1e-4
        )


def test_the_shipped_model_exported_as_a_base_gives_the_same_logits(tmp_path: Path) -> None:
    served, base = ROOT / "server" / "weights", tmp_path / "base"
    train("export", "--form", "transformers", "--run", served, "--out", base)
    model = load_run(served, tmp_path / "restored")
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
    command = [sys.executable, "-m", "training", "evaluate", "--data", str(data)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
