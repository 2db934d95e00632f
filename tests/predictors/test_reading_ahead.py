"""Weights are read beside the imports, and nobody waits for that."""

from __future__ import annotations

import os
from pathlib import Path

from server.predictors.worker.ahead import reading_ahead


def test_files_are_read_to_their_ends(tmp_path: Path) -> None:
    pipe = tmp_path / "model-00002.safetensors"
    os.mkfifo(pipe)
    with reading_ahead([tmp_path / "missing.safetensors", pipe]) as thread:
        # Writing blocks until somebody reads, and a pipe holds less than this.
        pipe.write_bytes(bytes(3_000_000))
        thread.join(30)
        assert not thread.is_alive()


def test_reading_ends_with_what_it_is_for(tmp_path: Path) -> None:
    large = tmp_path / "model.safetensors"
    with large.open("wb") as stream:
        stream.truncate(1 << 40)
    with reading_ahead([large]) as thread:
        assert thread.is_alive()
    thread.join(30)
    assert not thread.is_alive()
