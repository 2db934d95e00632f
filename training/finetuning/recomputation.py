"""Activation checkpointing that keeps matrix products and recomputes only what is cheap.

Plain checkpointing runs each layer's forward pass twice. Kept products (and attention) cost memory
but spare that second run its arithmetic: norms, rotations, activations and the dequantisation of
weights, which only move memory, are all that is repeated (selective checkpointing,
arXiv 2205.05198, by torch's policies).
"""

from __future__ import annotations

from functools import partial
from typing import Any


def keep_products(model: Any, rank: int) -> None:
    """Checkpoint every layer of a transformers model, its products and attention kept.

    Products that widen an adapter's `rank` again are recomputed: as large as the base's own, and
    nearly free.
    """
    import torch
    from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

    aten = torch.ops.aten
    kept = {
        aten._scaled_dot_product_flash_attention.default,
        aten._scaled_dot_product_efficient_attention.default,
        aten._scaled_dot_product_cudnn_attention.default,
        aten._scaled_dot_product_flash_attention_for_cpu.default,
        torch.ops.higher_order.flex_attention,
    }

    def policy(_context: Any, operation: Any, *inputs: Any, **_: Any) -> CheckpointPolicy:
        keep = operation in kept
        if operation in (aten.mm.default, aten.addmm.default):
            keep = inputs[-2].shape[-1] != rank
        return CheckpointPolicy.MUST_SAVE if keep else CheckpointPolicy.PREFER_RECOMPUTE

    model.activation_checkpointing_enable(
        activation_checkpointing_kwargs={
            "use_reentrant": False,
            "context_fn": partial(create_selective_checkpoint_contexts, policy),
        }
    )
