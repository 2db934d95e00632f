"""Attention over packed rows: FlashAttention's kernel in torch, by the lengths of the documents.

transformers' own way with `sdpa` is a mask over all tokens of a micro-batch, which costs memory and
arithmetic quadratic in it; here each document costs what it would cost alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

NAME = "packed"


def register() -> None:
    """Make `attn_implementation: packed` known to transformers."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, _mask)


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' contract: (rows, heads, length, width) to (rows, length, heads, width).

    TRL's collator gives `cu_seq_lens_q`, the documents' ends, with packed rows; anything else is
    torch's own attention.
    """
    ends = kwargs.get("cu_seq_lens_q")
    if ends is None or attention_mask is not None or query.shape[2] != key.shape[2]:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    groups = query.shape[1] // key.shape[1]
    # Not `states[0]`: going back, that would copy each gradient into a tensor of zeros.
    q, k, v = (states.squeeze(0).transpose(0, 1) for states in (query, key, value))
    if groups > 1:
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    longest = int(kwargs["max_length_q"])
    return documents_attention(q, k, v, ends, longest, scaling)[None], None


def documents_attention(
    q: Tensor, k: Tensor, v: Tensor, ends: Tensor, longest: int, scaling: float | None
) -> Tensor:
    """Causal attention within each document; all (tokens, heads, width), `ends` from 0 on."""
    if q.is_cuda:
        # Autocast leaves rotated states in fp32 where the tables are; the kernel takes 16 bits.
        kind = v.dtype if v.dtype in (torch.bfloat16, torch.float16) else torch.bfloat16
        out = torch.ops.aten._flash_attention_forward(
            q.to(kind), k.to(kind), v.to(kind), ends, ends, longest, longest, 0.0, True, False,
            scale=scaling,
        )[0]  # fmt: skip
        return out.to(v.dtype)
    parts = [
        functional.scaled_dot_product_attention(
            *(states[start:end].transpose(0, 1) for states in (q, k, v)),
            is_causal=True,
            scale=scaling,
        ).transpose(0, 1)
        for start, end in pairwise(ends.tolist())
    ]
    return torch.cat(parts)


def _mask(*arguments: Any, attention_mask: Tensor | None = None, **options: Any) -> Any:
    """No mask for packed rows; padding is masked as for `sdpa`."""
    from transformers.masking_utils import sdpa_mask

    if attention_mask is None:
        return None
    return sdpa_mask(*arguments, attention_mask=attention_mask, **options)
