"""What two threads would import at once is there before the second begins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_LOADING = """
import sys
from server.predictors.worker import model

load = model.load_tokenizer

def watched(folders):
    print("torch._dynamo" in sys.modules, "transformers" in sys.modules)
    return load(folders)

model.load_tokenizer = watched
model.load_model(model.Wanted(sys.argv[1], "", "memory", "cpu"), lambda what, share: None, 4)
"""


def test_what_bitsandbytes_needs_is_there_before_transformers_is_imported(base: Path) -> None:
    command = [sys.executable, "-c", _LOADING, str(base)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.stdout.split() == ["True", "False"], result.stderr
