"""The embedded network under ONNX Runtime: reads a prompt once, then goes on with many names.

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
Booleans: TypeAlias = npt.NDArray[np.bool_]
_PAST = "past_"
_HIDDEN = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values of the tokens that were read: a prompt, and what several names added to it.

    `layers` are (1, groups, prompt + own, head) each, keys and values by turns.
    """

    layers: tuple[onnxruntime.OrtValue, ...]
    prompt: int
    own: int


class Network:
    """Log-probabilities of next tokens; natural logarithms, over the whole vocabulary."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Load the graph of a folder; raises RuntimeError (ONNX Runtime's) when it cannot be."""
        onnxruntime.disable_telemetry_events()
        # Its flash attention takes half as long again for prompts of a few hundred tokens.
        os.environ.setdefault("ORT_GQA_DISABLE_FLASH_ATTENTION", "1")
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
        inputs = [each for each in self._session.get_inputs() if each.name.startswith(_PAST)]
        self._caches = [each.name.removeprefix(_PAST) for each in inputs]
        # Their one size without a number is the length.
        none = [size if isinstance(size, int) else 0 for size in inputs[0].shape]
        empty = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(none, np.float32))
        self._nothing = (empty,) * len(inputs)

    def read(self, prompt: Sequence[int]) -> tuple[Floats, Cache]:
        """Log-probabilities (vocabulary) of what follows a prompt, and the prompt's cache."""
        length = len(prompt)
        # Nothing is masked: the graph knows whether a token sees later ones.
        found, layers = self._run(
            np.array(prompt, np.int64), np.arange(length, dtype=np.int64),
            np.zeros((length, length), np.float32), np.array([length - 1], np.int64), self._nothing,
        )  # fmt: skip
        return found[0], Cache(layers, length, 0)

    def go_on(self, cache: Cache, tokens: Integers, seen: Booleans) -> tuple[Floats, Cache]:
        """Log-probabilities (S, vocabulary) of what follows each of S `tokens`, and a cache of them
        too.

        `seen` (S, cache.own + S) says which tokens after the prompt each one sees, itself too, as
        the last of them.
        """
        own = cache.own + len(tokens)
        mask = np.zeros((len(tokens), cache.prompt + own), np.float32)
        mask[:, cache.prompt :][~seen] = _HIDDEN
        places = cache.prompt - 1 + seen.sum(axis=1, dtype=np.int64)
        rows = np.arange(len(tokens), dtype=np.int64)
        found, layers = self._run(tokens, places, mask, rows, cache.layers)
        return found, Cache(layers, cache.prompt, own)

    def _run(
        self, tokens: Integers, places: Integers, mask: Floats, rows: Integers,
        past: Sequence[onnxruntime.OrtValue],
    ) -> tuple[Floats, tuple[onnxruntime.OrtValue, ...]]:  # fmt: skip
        value = onnxruntime.OrtValue.ortvalue_from_numpy
        given = {
            "tokens": value(tokens[None]),
            "positions": value(places[None]),
            "mask": value(mask),
            "rows": value(rows),
        }
        given |= {_PAST + name: one for name, one in zip(self._caches, past, strict=True)}
        logits, *layers = self._session.run_with_ort_values(["logits", *self._caches], given)
        found: Floats = logits.numpy()
        found -= found.max(axis=-1, keepdims=True)
        found -= np.log(np.exp(found).sum(axis=-1, keepdims=True))
        return found, tuple(layers)


def _arrays(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """The weights by name, float16 as float32; raises ValueError for another kind of file."""
    with np.load(path, allow_pickle=False) as file:
        found: dict[str, npt.NDArray[np.generic]] = {name: file[name] for name in file.files}
    return {n: a.astype(np.float32) if a.dtype == np.float16 else a for n, a in found.items()}
