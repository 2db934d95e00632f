"""Loading Code Llama: files, configuration, tokenizer class, special tokens and chat format as
CodeLlama-7b-Instruct is published, at a size that a processor loads in a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from dataset.forms import ask_chat, llama2_prompt
from tests.training.conftest import ROOT
from training.errors import TrainingError
from training.finetuning import memory, recipe
from training.finetuning.model import load_config, load_model, load_tokenizer
from training.finetuning.rows import Renderer
from training.random_base import SHAPES, write_base

QUESTION = "def x(text):\n    return text.split()"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("codellama") / "CodeLlama-7b-Instruct-hf"
    write_base(SHAPES["tiny-codellama"], ROOT / "server", folder, seed=1)
    return folder


@pytest.fixture(scope="module")
def found(base: Path) -> recipe.Recipe:
    """The shipped recipe, with nothing changed but where the model and the data lie."""
    changes = [f"model_name_or_path={base}", f"data={ROOT}", "use_cpu=true", "bf16=false"]
    return recipe.load(ROOT / "training/recipes/codellama-7b/qlora.yaml", "sft", changes)


def test_files_are_those_of_the_published_model(base: Path) -> None:
    assert {path.name for path in base.iterdir()} == {
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "model.safetensors.index.json",
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
    }  # fmt: skip
    assert SHAPES["codellama-7b"].shard_bytes > 2 * 32_016 * 4_096


def test_configuration(found: recipe.Recipe) -> None:
    config = load_config(found)
    assert (config.model_type, config.vocab_size) == ("llama", 32_016)
    assert config.rope_parameters["rope_theta"] == 1_000_000
    assert config.max_position_embeddings == 16_384


def test_tokenizer_class_and_special_tokens(found: recipe.Recipe) -> None:
    tokenizer = load_tokenizer(found)
    assert type(tokenizer).__name__ == "CodeLlamaTokenizer"
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (1, 2, 0)
    assert (tokenizer.prefix_id, tokenizer.suffix_id, tokenizer.middle_id, tokenizer.eot_id) == (
        32_007, 32_008, 32_009, 32_010,
    )  # fmt: skip
    assert tokenizer.pad_token == tokenizer.eos_token
    text = "def größe(x):\n    return '東京'"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_the_chat_template_writes_the_form_of_the_dataset(found: recipe.Recipe) -> None:
    tokenizer = load_tokenizer(found)
    turns: list[Any] = ask_chat(QUESTION)
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert text == "<s>" + llama2_prompt(turns)
    answered = [*turns, {"role": "assistant", "content": "split_words"}]
    whole = tokenizer.apply_chat_template(answered, tokenize=False)
    assert whole == text + " split_words </s>"
    with pytest.raises(Exception, match="roles must alternate"):
        tokenizer.apply_chat_template([*turns, turns[1]], tokenize=False)


@pytest.mark.parametrize("form", ["chat", "prompt-completion"])
def test_only_the_answer_and_its_end_are_learnt(found: recipe.Recipe, form: str) -> None:
    tokenizer = load_tokenizer(found)
    renderer = Renderer(tokenizer, form, found.data.system, 1024)
    prompt, completion = renderer.tokens(QUESTION, "Reader.split_words")
    assert prompt[0] == 1
    assert 1 not in prompt[1:]
    assert completion[-1] == 2
    assert tokenizer.decode(completion, skip_special_tokens=True).strip() == "split_words"
    assert tokenizer.decode(prompt).endswith("[/INST]")


def test_a_long_function_loses_its_last_lines_and_not_its_answer(found: recipe.Recipe) -> None:
    tokenizer = load_tokenizer(found)
    renderer = Renderer(tokenizer, "chat", found.data.system, 200)
    question = "def x(rows):\n" + "".join(f"    step_{i} = run({i})\n" for i in range(500))
    prompt, completion = renderer.tokens(question, "run_steps")
    assert 150 < len(prompt) + len(completion) <= 200
    text = tokenizer.decode(prompt)
    assert "step_0 = run(0)\n" in text
    assert text.endswith("``` [/INST]")
    assert "run_steps" in tokenizer.decode(completion)


def test_a_template_that_does_not_continue_its_prompt_is_told(found: recipe.Recipe) -> None:
    tokenizer = load_tokenizer(found)
    tokenizer.chat_template = "{{ messages | length }}{{ messages[-1].content }}"
    with pytest.raises(TrainingError, match="does not continue its own prompt"):
        Renderer(tokenizer, "chat", found.data.system, 1024).tokens(QUESTION, "a")


def test_the_shards_load_in_four_bits(found: recipe.Recipe) -> None:
    model = load_model(found)
    assert model.is_loaded_in_4bit
    layer = model.model.layers[0].self_attn.q_proj
    assert type(layer).__name__ == "Linear4bit"
    assert layer.weight.quant_state.nested
    assert type(model.lm_head) is torch.nn.Linear


def test_the_need_of_the_real_model_is_told_without_it(tmp_path: Path, base: Path) -> None:
    """The shape of 7B from its configuration alone; measured on an H200: 16.1 GB in all with
    16 rows of 1,024 tokens (plain TRL)."""
    config = json.loads((base / "config.json").read_text())
    config |= {"hidden_size": 4_096, "intermediate_size": 11_008, "num_hidden_layers": 32,
               "num_attention_heads": 32, "num_key_value_heads": 32}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    changes = [f"model_name_or_path={tmp_path}", f"data={ROOT}", "per_device_train_batch_size=16"]
    found = recipe.load(ROOT / "training/recipes/codellama-7b/qlora.yaml", "sft", changes)
    need = memory.estimate(found, load_config(found))
    assert need.parameters == 6_738_546_688
    assert need.trained == 319_815_680
    assert 13e9 < need.total < 20e9
