"""The embedded network under ONNX Runtime: reads a prompt once, then goes on from it in branches.

`training/embedded/graph.py` writes the graph and says what its inputs are.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from server.predictors.weights import ARRAYS, GRAPH

Floats: TypeAlias = npt.NDArray[np.float32]
Integers: TypeAlias = npt.NDArray[np.int64]
_HIDDEN = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values of tokens that were read: (layers, groups, [branches,] length, head)."""

    keys: Floats
    values: Floats

    @property
    def length(self) -> int:
        """How many tokens."""
        return self.keys.shape[-2]

    def of_branches(self, chosen: Integers) -> Cache:
        """The caches of the branches that go on, which may repeat."""
        return Cache(self.keys[:, :, chosen], self.values[:, :, chosen])

    def then(self, more: Cache) -> Cache:
        """This cache, and more tokens after it."""
        return Cache(
            np.concatenate((self.keys, more.keys), axis=3),
            np.concatenate((self.values, more.values), axis=3),
        )


class Network:
    """Log-probabilities of next tokens; natural logarithms, over the whole vocabulary."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Load the graph of a folder; raises RuntimeError (ONNX Runtime's) when it cannot be."""
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(4, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # Threads wait actively within an answer, and never between two.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # Memory of one long prompt goes back instead of being kept for ever.
        options.enable_cpu_mem_arena = False
        # The session copies them in the order its products read; these go when it is made.
        arrays = _arrays(folder / ARRAYS)
        options.add_external_initializers(
            list(arrays), [onnxruntime.OrtValue.ortvalue_from_numpy(a) for a in arrays.values()]
        )
        self._session = onnxruntime.InferenceSession(
            str(folder / GRAPH), options, providers=["CPUExecutionProvider"]
        )
        shapes = {each.name: each.shape for each in self._session.get_inputs()}
        layers, groups, _, head = (
            size if isinstance(size, int) else 0 for size in shapes["prompt_keys"]
        )
        self._no_prompt = Cache(*(np.zeros((layers, groups, 0, head), np.float32) for _ in "kv"))
        self._none = Cache(*(np.zeros((layers, groups, 1, 0, head), np.float32) for _ in "kv"))

    def read(self, prompt: Sequence[int]) -> tuple[Floats, Cache]:
        """Log-probabilities (vocabulary) of what follows a prompt, and the prompt's cache."""
        tokens = np.array([prompt], np.int64)
        last = np.array([len(prompt) - 1], np.int64)
        found, cache = self._run(tokens, last, self._no_prompt, self._none)
        return found[0], Cache(cache.keys[:, :, 0], cache.values[:, :, 0])

    def go_on(self, prompt: Cache, own: Cache | None, tokens: Integers) -> tuple[Floats, Cache]:
        """Log-probabilities (branches * length, vocabulary) after each of the branches' tokens.

        `tokens` is (branches, length); `own` holds what the branches read since the prompt. The
        cache that comes back is of `tokens` alone.
        """
        branches, length = tokens.shape
        if own is None:
            own = self._none.of_branches(np.zeros(len(tokens), dtype=np.int64))
        return self._run(tokens, np.arange(branches * length, dtype=np.int64), prompt, own)

    def _run(
        self, tokens: Integers, rows: Integers, prompt: Cache, own: Cache
    ) -> tuple[Floats, Cache]:
        branches, length = tokens.shape
        first = prompt.length + own.length
        places = np.arange(length, dtype=np.int64)
        seen = np.arange(own.length + length, dtype=np.int64)[None] <= places[:, None] + own.length
        logits, keys, values = self._session.run(
            ["logits", "keys", "values"],
            {
                "tokens": tokens,
                "positions": np.broadcast_to(first + places, (branches, length)),
                "mask": np.where(seen, np.float32(0), _HIDDEN),
                "rows": rows,
                "prompt_keys": prompt.keys,
                "prompt_values": prompt.values,
                "own_keys": own.keys,
                "own_values": own.values,
            },
        )
        logits -= logits.max(axis=-1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return logits, Cache(keys, values)


def _arrays(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """The weights by name, float16 as float32; raises ValueError for another kind of file."""
    with np.load(path, allow_pickle=False) as file:
        found: dict[str, npt.NDArray[np.generic]] = {name: file[name] for name in file.files}
    return {n: a.astype(np.float32) if a.dtype == np.float16 else a for n, a in found.items()}
