"""Attention that stays within each function of a packed row: causal, prompts also both ways.

FlexAttention skips the masked blocks on a GPU; elsewhere, where it has no backward pass, a dense
mask computes the same.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from training.embedded.model import Attend


def positions_and_documents(tokens: Tensor, begin: int) -> tuple[Tensor, Tensor]:
    """Position of each token within its function, and the function's number, for (rows, length)."""
    starts = tokens == begin
    documents = starts.cumsum(1)
    places = tokens.new_ones(tokens.shape).cumsum(1) - 1
    first = (places * starts).cummax(1).values
    return places - first, documents


def packed_attention(documents: Tensor, prompts: Tensor | None = None) -> Attend:
    """Causal attention within equal document numbers (rows, length).

    The tokens that `prompts` marks (rows, length) see all those of their document that it marks.
    """
    return _sparse(documents, prompts) if documents.is_cuda else _dense(documents, prompts)


def prompt_attention(prompts: Tensor) -> Attend:
    """Attention of rows (rows, length) that hold one prompt each, which `prompts` marks."""
    return _dense(prompts.new_zeros(prompts.shape, dtype=torch.int64), prompts)


def _sparse(documents: Tensor, prompts: Tensor | None) -> Attend:
    rows, length = documents.shape

    def visible(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (documents[row, query] == documents[row, key])

    def visible_both_ways(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        assert prompts is not None
        seen = (query >= key) | (prompts[row, query] & prompts[row, key])
        return seen & (documents[row, query] == documents[row, key])

    # The second takes half of the training's speed (measured on an H200): only where it is needed.
    rule = visible if prompts is None else visible_both_ways
    mask = create_block_mask(rule, rows, None, length, length, device=documents.device)

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (x.transpose(1, 2).contiguous() for x in (q, k, v))
        out = flex_attention(q, k, v, block_mask=mask, enable_gqa=True)
        assert isinstance(out, Tensor)
        return out.transpose(1, 2)

    return attend


def _dense(documents: Tensor, prompts: Tensor | None) -> Attend:
    same = documents[:, None, :, None] == documents[:, None, None, :]
    mask = same.tril()
    if prompts is not None:
        mask = mask | (same & prompts[:, None, :, None] & prompts[:, None, None, :])

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
        return out.transpose(1, 2)

    return attend
