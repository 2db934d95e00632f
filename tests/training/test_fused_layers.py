"""The fused layers compute what PEFT's do: outputs, and gradients of input and adapters."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.training.conftest import Workshop
from training.errors import TrainingError
from training.finetuning import fused, kernel_check, packed_attention, pointwise
from training.finetuning.adapted_products import Group, Product

Train = Callable[..., tuple[int, str, str]]
ENDS = torch.tensor([0, 5, 6, 13], dtype=torch.int32)


def adapted(kind: str, four_bit: bool = False, dropout: float = 0.0, **more: Any) -> Any:
    """A random model of the kind with LoRA on all linear layers, none of its halves zero."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    packed_attention.register()
    torch.manual_seed(1)
    config = AutoConfig.for_model(
        kind, vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, pad_token_id=0,
        attn_implementation="packed", **more,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    if four_bit:
        quantise(model)
    settings = LoraConfig(
        r=4, lora_alpha=8, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    model = get_peft_model(model, settings)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def quantise(model: Any) -> None:
    import bitsandbytes as bnb

    for layer in model.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for name, child in list(part.named_children()):
                if isinstance(child, torch.nn.Linear):
                    inner = bnb.nn.Linear4bit(
                        child.in_features, child.out_features, bias=child.bias is not None,
                        compute_dtype=torch.float32, quant_type="nf4",
                    )  # fmt: skip
                    inner.load_state_dict(child.state_dict())
                    setattr(part, name, inner.to("cpu"))


def loss_and_gradients(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    ids = torch.arange(13)[None] * 7 % 64
    positions = torch.cat([torch.arange(n) for n in (5, 1, 7)])[None]
    out = model(
        input_ids=ids, position_ids=positions, use_cache=False, cu_seq_lens_q=ENDS,
        cu_seq_lens_k=ENDS, max_length_q=7, max_length_k=7,
    ).logits  # fmt: skip
    (out.float() ** 2).mean().backward()
    return out.detach(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("four_bit", [False, True], ids=["bf16", "nf4"])
def test_outputs_and_gradients_are_those_of_peft(kind: str, four_bit: bool) -> None:
    model = adapted(kind, four_bit)
    plain, plain_gradients = loss_and_gradients(model)
    assert fused.fuse(model) == 2
    ours, gradients = loss_and_gradients(model)
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)
    assert gradients.keys() == plain_gradients.keys()
    assert len(gradients) == 2 * 2 * 7
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, plain_gradients[name], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("every", "passes"), [(0, 2), (1, 4), (2, 3)])
def test_checkpointed_layers_are_computed_again(
    every: int, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And keep little meanwhile: with the same dropout, the gradients are the same."""
    model = adapted("llama", dropout=0.3)
    fused.fuse(model)
    torch.manual_seed(5)
    _, wanted = loss_and_gradients(model)
    if every:
        model.base_model.model.activation_checkpointing_enable(
            activation_checkpointing_kwargs={"use_reentrant": False}, every_n_layers=every
        )
    done: list[int] = []
    forward = fused._FeedForward.forward
    monkeypatch.setattr(
        fused._FeedForward,
        "forward",
        staticmethod(lambda *inputs: (done.append(1), forward(*inputs))[1]),
    )
    torch.manual_seed(5)
    _, gradients = loss_and_gradients(model)
    assert len(done) == passes
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, wanted[name])


def test_the_backward_pass_repeats_the_mask_of_dropout() -> None:
    """With its masks fixed the loss is a smooth function, and its slope is the gradient."""
    model = adapted("llama", dropout=0.3).double()
    fused.fuse(model)
    torch.manual_seed(5)
    _, gradients = loss_and_gradients(model)
    name = next(n for n in gradients if "layers.0.self_attn.k_proj.lora_A" in n)
    parameter = dict(model.named_parameters())[name]
    direction = torch.randn_like(parameter)
    losses = []
    for step in (1e-3, -1e-3):
        with torch.no_grad():
            parameter.add_(direction, alpha=step)
        torch.manual_seed(5)
        losses.append((loss_and_gradients(model)[0] ** 2).mean())
        with torch.no_grad():
            parameter.sub_(direction, alpha=step)
    slope = float((losses[0] - losses[1]) / 2e-3)
    assert slope == pytest.approx(float((gradients[name] * direction).sum()), rel=1e-2)


def test_an_adapter_is_not_lost_in_the_rounding_of_the_residual() -> None:
    """A young adapter's outputs are smaller than a bfloat16 step of what they are added to."""
    torch.manual_seed(2)
    x = torch.randn(2_000, 64, dtype=torch.bfloat16)
    residual = 8 * torch.randn(2_000, 64, dtype=torch.bfloat16)
    base = SimpleNamespace(weight=0.05 * torch.randn(64, 64).bfloat16(), bias=None)
    group = Group((Product(base, scaling=1.0),), rate=0.0, seed=1)
    down = torch.full((1, 64), 0.0005, dtype=torch.bfloat16)
    up = torch.ones(64, 1, dtype=torch.bfloat16)
    without, images = group.forward(x, (down, torch.zeros_like(up)), residual)
    (out,), _ = group.forward(x, (down, up), residual)
    moved = (out - without[0]).float()
    slope = float((moved * images.float()).sum() / 64 / (images.float() ** 2).sum())
    assert slope == pytest.approx(1.0, abs=0.1)


def test_generation_goes_the_plain_way() -> None:
    model = adapted("llama").eval()
    ids = torch.arange(6)[None]
    plain = model.generate(input_ids=ids, max_new_tokens=4, do_sample=False)
    fused.fuse(model)
    assert model.generate(input_ids=ids, max_new_tokens=4, do_sample=False).equal(plain)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    x = torch.ones(400, 300)
    out = pointwise.dropped(x, seed=12345, rate=0.1)
    share = float((out == 0).float().mean())
    assert abs(share - 0.1) < 4 * math.sqrt(0.1 * 0.9 / x.numel())
    assert float(out.max()) == pytest.approx(1 / 0.9)
    other = pointwise.dropped(x, seed=54321, rate=0.1)
    assert float(((out == 0) & (other == 0)).float().mean()) == pytest.approx(0.01, abs=2e-3)
    gradient = pointwise.add_dropped(torch.zeros_like(x), x, seed=12345, rate=0.1)
    assert gradient.equal(out)


def test_documents_attend_within_themselves() -> None:
    q, k, v = torch.randn(3, 13, 4, 8)
    out = packed_attention.documents_attention(q, k, v, ENDS, 7, None)
    for start, end in ((0, 5), (5, 6), (6, 13)):
        alone = torch.tensor([0, end - start], dtype=torch.int32)
        part = packed_attention.documents_attention(
            q[start:end], k[start:end], v[start:end], alone, end - start, None
        )
        torch.testing.assert_close(out[start:end], part)


def test_kernels_that_compute_something_else_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = torch.device("cpu")
    kernel_check.check_kernels(processor)
    right = kernel_check.pointwise.rotated

    def mirrored(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, sign: int) -> torch.Tensor:
        return right(x, cos, sin, -sign if x.dtype == torch.bfloat16 else sign)

    monkeypatch.setattr(kernel_check.pointwise, "rotated", mirrored)
    with pytest.raises(TrainingError, match="rotation gives wrong numbers on this GPU"):
        kernel_check.check_kernels(processor)

    def absent(*_: object) -> torch.Tensor:
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(kernel_check.pointwise, "rotated", absent)
    with pytest.raises(TrainingError, match=r"does not run on this GPU \(no kernel image\)"):
        kernel_check.check_kernels(processor)


def test_other_layers_are_refused() -> None:
    with pytest.raises(TrainingError, match="no decoder layer"):
        fused.fuse(torch.nn.Linear(2, 2))


def test_sharded_layers_are_refused(
    workshop: Workshop, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`accelerate launch` says so by an environment variable, not in the recipe."""
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    recipe = workshop.recipe("qlora", output_dir=str(tmp_path / "run"), fused_layers=True)
    status, _, error = train("sft", "--config", recipe)
    assert status == 2
    assert "fused_layers does not work with FSDP; set it: false" in error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optim": "paged_adamw_32bit"}, "set it: adamw_torch_fused"),
        ({"optim": "adamw_torch"}, "bnb_4bit_quant_storage: FSDP shards 4-bit weights only in"),
    ],
)
def test_what_cannot_be_sharded_is_one_line(
    workshop: Workshop, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any], message: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    recipe = workshop.recipe("qlora", output_dir=str(tmp_path / "run"), **changes)
    status, _, error = train("sft", "--config", recipe)
    assert (status, message in error) == (2, True), error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("checkpointed", [False, True])
def test_the_tiny_recipe_trains_alike(
    workshop: Workshop, train: Train, tmp_path: Path, checkpointed: bool
) -> None:
    from tests.training.test_fine_tuning import log_of

    losses: list[list[float]] = []
    changes = {"max_steps": 4, "lora_dropout": 0.0, "eval_strategy": "no", "eval_steps": None}
    for name, more in (
        ("plain", {}),
        ("fused", {"fused_layers": True, "attn_implementation": "packed",
                   "activation_checkpointing": checkpointed}),
    ):  # fmt: skip
        out = tmp_path / name
        recipe = workshop.recipe("qlora", output_dir=str(out), **changes, **more)
        assert train("sft", "--config", recipe)[0] == 0
        losses.append([entry["loss"] for entry in log_of(out) if "loss" in entry])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
