"""The worker's kernels by themselves: whether they are right on this GPU, and how fast they read.

`gpu_latency` calls this; each speed is measured over as many copies of a weight as the GPU's cache
cannot hold, in one CUDA graph. Whether they are right can be seen without a GPU as well:

    TRITON_INTERPRET=1 python -m benchmarks.gpu_kernels

Triton's interpreter cannot multiply bfloat16, so that it is float16 there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from server.predictors.worker import nf4
from server.predictors.worker.linear import Group, joined_adapter
from server.predictors.worker.network import Cache, Layer, Network, Shape, _attend, read
from server.predictors.worker.nf4 import Packed

_CACHE_BYTES = 200_000_000


def main() -> int:
    """Print the errors; 1 when one is too large."""
    cuda = torch.cuda.is_available()
    found = errors(torch.device("cuda" if cuda else "cpu"), None if cuda else torch.float16)
    for name, error in found.items():
        print(f"{name:24} {error:.5f}")
    return int(max(found.values()) > 0.03)


def errors(device: torch.device, kind: torch.dtype | None = None) -> dict[str, Any]:
    """The largest differences from float32, relative to the largest value."""
    from server.predictors.worker import kernels

    half = kind or torch.bfloat16
    torch.manual_seed(0)
    columns = (1024, 256, 256)
    packed = nf4.pack(
        [(torch.randn(count, 512, device=device) * 0.02).bfloat16() for count in columns]
    )
    plain = packed.restored()
    table = nf4.table(device)
    x = torch.randn(5, 512, device=device).to(half)
    found: dict[str, Any] = {}

    def note(name: str, got: torch.Tensor, wanted: torch.Tensor) -> None:
        apart = (got.float() - wanted).abs().max() / wanted.abs().max()
        found[f"error_{name}"] = round(apart.item(), 5)

    note("restore", packed.restore(half), plain)
    codes = nf4.codes(half)
    product = kernels.nf4_product(x, packed.numbers, packed.scales, table, codes, 2)
    note("product", product.sum(0), x.float() @ plain.t())
    adapters: list[Any] = [
        (torch.randn(16, 512) * 0.1, torch.randn(count, 16) * 0.1, 2.0) for count in columns
    ]
    ends = (1024, 1280, 1536)
    outputs: list[torch.Tensor] = []
    gated: list[torch.Tensor] = []
    for number, weight in ((half, packed), (torch.float32, plain)):
        adapter = joined_adapter(adapters, columns, 512, number, device)
        group = Group(weight, ends, None, adapter)
        outputs.append(group.project(x.to(number)))
        both = Group(weight, (768, 1536), None, _two(adapters, number, device))
        gated.append(both.gated(x.to(number)))
    note("adapter", outputs[0], outputs[1])
    merged = joined_adapter(adapters, columns, 512, half, device)
    assert merged is not None
    added = [
        ups.float() @ downs.float()
        for ups, downs in zip(
            merged.ups.split(columns), merged.downs.split(merged.rank), strict=True
        )
    ]
    low_rank = merged.downs, merged.ups, ends
    note("restore_merged", packed.restore(half, low_rank), plain + torch.cat(added))
    note("gated", gated[0], gated[1])
    if device.type == "cuda":
        note("add_to", *_added(device, half))
    stream = torch.randn(5, 512, device=device)
    weight = torch.rand(512, device=device)
    wanted = torch.nn.functional.rms_norm(stream, (512,), eps=1e-5) * weight
    note("norm", kernels.norm(stream, weight, 1e-5, half), wanted)
    note("attend", *_attention(device, half))
    both = torch.randn(5, 2 * 1376, device=device).to(half)
    first, second = both.float().chunk(2, dim=1)
    note("gate", kernels.gate(both), torch.nn.functional.silu(first) * second)
    for name, got, wanted in _read(device, half):
        note(f"read_{name}", got, wanted)
    return found


def _added(device: torch.device, half: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """More rows than a decoding step has, added to the residual stream with their adapter."""
    packed = nf4.pack([(torch.randn(512, 256, device=device) * 0.02).to(half)])
    parts: list[Any] = [(torch.randn(16, 256) * 0.1, torch.randn(512, 16) * 0.1, 2.0)]
    x = torch.randn(100, 256, device=device).to(half)
    streams = [torch.randn(100, 512, generator=torch.manual_seed(1)).to(device) for _ in range(2)]
    for stream, number, weight in zip(
        streams, (half, torch.float32), (packed, packed.restored()), strict=True
    ):
        adapter = joined_adapter(parts, [512], 256, number, device)
        Group(weight, (512,), None, adapter).add_to(stream, x.to(number))
    return streams[0], streams[1]


def _two(adapters: list[Any], kind: torch.dtype, device: torch.device) -> Any:
    halves = [
        (adapters[0][0], torch.full((768, 16), 0.01), 1.0),
        (adapters[1][0], torch.full((768, 16), 0.02), 1.0),
    ]
    return joined_adapter(halves, (768, 768), 512, kind, device)


def _read(device: torch.device, half: torch.dtype) -> list[tuple[str, Any, Any]]:
    """What the prompt's first layer leaves, its keys and its values, in both types."""
    heads, key_heads, size, questions, length, start, room = 8, 4, 32, 3, 9, 7, 24
    width = heads * size
    shape = Shape(1, width, heads, key_heads, size, 128, 100, 1e-5)
    tables = torch.randn(2, room, size // 2, device=device)
    weights = [
        torch.randn(*sizes, device=device) * 0.05
        for sizes in (((heads + 2 * key_heads) * size, width), (width, width), (256, width),
                      (width, 128), (100, width))
    ]  # fmt: skip
    before = torch.randn(2, 1, questions, key_heads, room, size, device=device)
    tokens = torch.randint(0, 100, (questions, length), device=device)
    ones = torch.ones(width, device=device)
    found: list[tuple[torch.Tensor, ...]] = []
    for kind in (half, torch.float32):
        qkv, output, gate_up, down, embedding = (weight.to(half).to(kind) for weight in weights)
        layer = Layer(
            ones, Group(qkv, (width, 384, 512)), Group(output, (width,)), ones,
            Group(gate_up, (128, 256)), Group(down, (width,)),
        )  # fmt: skip
        network = Network(shape, embedding, [layer], ones, embedding, tables[0], tables[1], kind)
        cache = Cache(*before.to(half).to(kind).clone())
        every = torch.arange(tokens.numel(), device=device)
        stream = read(network, tokens, cache, start, every)
        found.append((stream, cache.keys, cache.values))
    return list(zip(("stream", "keys", "values"), *found, strict=True))


def _attention(device: torch.device, half: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    heads, key_heads, size, beams, questions, slots = 8, 4, 128, 5, 2, 8
    shape = Shape(1, heads * size, heads, key_heads, size, 128, 100, 1e-5)
    nothing = torch.zeros(1, device=device)
    tables = torch.randn(2, 300, size // 2, device=device)
    rows = questions * beams
    states = torch.randn(rows, (heads + 2 * key_heads) * size, device=device).to(half)
    prompt = torch.randn(2, questions, key_heads, 200, size, device=device).to(half)
    suffix = torch.randn(2, rows, key_heads, slots, size, device=device).to(half)
    lengths, step = torch.tensor([130, 177], device=device), torch.tensor([3], device=device)
    owners = torch.randint(0, beams, (questions, beams, slots), device=device)
    owners[:, :, 2] = torch.arange(beams, device=device)
    layer: Any = Layer(*(None,) * 6)  # type: ignore[arg-type]
    found = []
    for kind in (half, torch.float32):
        network = Network(shape, nothing, [], nothing, nothing, tables[0], tables[1], kind)
        prompts, suffixes = prompt.to(kind), suffix.clone().to(kind)
        found.append(
            _attend(
                network, layer, states.to(kind), (prompts[0], prompts[1]),
                (suffixes[0], suffixes[1]), (lengths, step, owners),
            )
        )  # fmt: skip
    return found[0], found[1]


def speeds(device: torch.device, columns: int, width: int, rows: int) -> dict[str, Any]:
    """Microseconds of products of a few rows with one weight: ours by parts, and in bfloat16."""
    from server.predictors.worker import kernels

    count = max(2, _CACHE_BYTES // (columns * width // 2))
    sizes = columns // nf4.TILE, width // nf4.BLOCK, nf4.TILE
    weights = [
        Packed(
            torch.randint(0, 256, (*sizes, 32), dtype=torch.uint8, device=device),
            torch.rand(sizes, device=device).half() * 0.05,
            columns,
            width,
        )
        for _ in range(count)
    ]
    x = torch.randn(rows, width, device=device).bfloat16()
    table = nf4.table(device)
    name = f"{columns}x{width}"
    found: dict[str, Any] = {}
    codes = nf4.codes(x.dtype)
    for warps, stages in ((1, 3), (2, 2), (2, 3), (2, 4), (4, 3)):
        by_parts: dict[int, float] = {}
        for parts in (1, 2, 3, 4, 6, 8, 12, 16):
            if parts > width // nf4.BLOCK // 2:
                continue

            def work(parts: int = parts, warps: int = warps, stages: int = stages) -> None:
                for one in weights:
                    kernels.nf4_product(
                        x, one.numbers, one.scales, table, codes, parts, warps, stages
                    )

            by_parts[parts] = round(_microseconds(work) / count, 1)
        found[f"{name} warps {warps} stages {stages}"] = by_parts
    out = torch.empty(columns, width, dtype=torch.bfloat16, device=device)
    found[f"{name} restore"] = round(
        _microseconds(
            lambda: [kernels.restore(one.numbers, one.scales, table, out) for one in weights]
        )
        / count,
        1,
    )
    found[f"{name} bfloat16"] = round(_microseconds(lambda: x @ out.t()), 1)
    many = torch.randn(320, width, device=device).bfloat16()
    found[f"{name} bfloat16, 320 rows"] = round(_microseconds(lambda: many @ out.t()), 1)
    print(found, flush=True)
    return found


def _microseconds(work: Callable[[], object]) -> float:
    """One call of `work`, in a graph, the least of five."""
    work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    taken: list[float] = []
    for _ in range(5):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        taken.append(1000 * begin.elapsed_time(end))
    return min(taken)


if __name__ == "__main__":
    raise SystemExit(main())
