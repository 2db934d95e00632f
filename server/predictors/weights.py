"""The folder a small model is shipped in: what it must hold, and proof that it is whole."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from server.errors import NamewrightError

SHIPPED = Path(__file__).parent.parent / "weights"
MANIFEST = "manifest.json"
FORMAT = 4
GRAPH, ARRAYS, TOKENIZER = "model.onnx", "model.npz", "tokenizer.json"


class WeightsError(NamewrightError):
    """The weights are missing, damaged, or of another kind of model."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The chance of being right: sigmoid(slope * logit(p) + intercept) of a probability p
    (Platt scaling)."""

    slope: float
    intercept: float

    def chance(self, log_probability: float) -> float:
        """The logarithm of the chance, of the logarithm of p."""
        value = self.slope * logit(log_probability) + self.intercept
        return -math.log1p(math.exp(-value)) if value > -30 else value


def logit(log_probability: float) -> float:
    """log(p / (1 - p)) of log(p); what is closer to certainty than a millionth counts as that."""
    return log_probability - math.log(max(-math.expm1(log_probability), 1e-6))


@dataclass(frozen=True, slots=True)
class Weights:
    """A checked folder of weights."""

    folder: Path
    version: str
    fingerprint: str
    calibration: Calibration | None


def open_weights(folder: Path) -> Weights:
    """Check a folder against its manifest (sizes and SHA-256); raises WeightsError."""
    path = folder / MANIFEST
    try:
        manifest = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        files = cast("dict[str, str]", manifest["sha256"])
        version, form = str(manifest["version"]), manifest["format"]
        scale = cast("dict[str, float] | None", manifest.get("calibration"))
        calibration = None
        # An earlier form fitted the logarithm itself; without a fit the model's own chance stands.
        if scale and "logit_slope" in scale:
            calibration = Calibration(scale["logit_slope"], scale["logit_intercept"])
    except OSError as error:
        raise WeightsError(f"{path}: no weights there; reinstall namewright") from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path}: not a manifest of weights; reinstall namewright") from error
    if form != FORMAT:
        older = isinstance(form, int) and form < FORMAT
        remedy = "export the model again" if older else "upgrade namewright"
        raise WeightsError(f"{path}: format {form}, this version reads {FORMAT}; {remedy}")
    for name, digest in files.items():
        if _sha256(folder / name) != digest:
            raise WeightsError(
                f"{folder / name}: damaged (its SHA-256 differs); reinstall namewright"
            )
    fingerprint = hashlib.sha256("".join(sorted(files.values())).encode()).hexdigest()[:12]
    return Weights(folder, version, fingerprint, calibration)


def write_manifest(folder: Path, version: str, calibration: Calibration | None) -> None:
    """Describe the files that lie in a folder of weights now."""
    names = (GRAPH, ARRAYS, TOKENIZER)
    manifest: dict[str, object] = {
        "format": FORMAT,
        "version": version,
        "sha256": {name: _sha256(folder / name) for name in names},
    }
    if calibration is not None:
        manifest["calibration"] = {
            "logit_slope": calibration.slope,
            "logit_intercept": calibration.intercept,
        }
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read ({error.strerror}); reinstall namewright"
        ) from error
