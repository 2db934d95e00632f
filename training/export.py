"""Writes a trained model in the form that is served.

    python -m training export --run runs/embedded --out server/weights --version 1
    python -m training export --run runs/embedded --out server/weights --version 1 \\
        --calibrate validation.jsonl
    python -m training export --form adapter --run runs/codellama-7b-qlora --out exported/adapter
    python -m training export --form merged --run runs/codellama-7b-qlora --out exported/merged
    python -m training export --form transformers --run runs/small-base --out runs/small-base/model
    python -m training export --form transformers --run server/weights --out exported/base
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from server.predictors.weights import Calibration, write_manifest
from training.errors import TrainingError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run",
        type=Path,
        required=True,
        help="folder of a finished run; for transformers also of a served model",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--form",
        choices=("embedded", "transformers", "adapter", "merged"),
        default="embedded",
        help="embedded and transformers for a pretrained run; adapter (PEFT) and merged (bf16,"
        " the layout that vLLM and GGUF converters read) for a fine-tuned one",
    )
    parser.add_argument("--version", default="", help="what the embedded model is called")
    parser.add_argument("--base", default="", help="another place of the adapter's base model")
    parser.add_argument("--quantization", choices=("int8", "float32"), default="int8")
    parser.add_argument(
        "--levels",
        type=int,
        default=127,
        metavar="N",
        help="int8 codes go from -N to N (default: 127); fewer make a smaller file, the shipped"
        " model's 36 one of 60 MB",
    )
    parser.add_argument(
        "--calibrate", type=Path, help="evaluation rows to fit shown probabilities on"
    )


def main(arguments: argparse.Namespace) -> int:
    run: Path = arguments.run
    if arguments.form in ("adapter", "merged"):
        from training.finetuning import export as fine_tuned

        write = fine_tuned.adapter if arguments.form == "adapter" else fine_tuned.merged
        write(run, arguments.out, arguments.base)
        print(f"{arguments.form} in {arguments.out}")
        return 0
    served = arguments.form == "transformers" and (run / "manifest.json").exists()
    for name in () if served else ("weights.pt", "shape.json", "tokenizer.json"):
        if not (run / name).exists():
            raise TrainingError(f"{run / name}: not there; finish `python -m training pretrain`")
    if arguments.form == "transformers":
        from training.base_model import write_base_model

        write_base_model(run, arguments.out)
        print(f"model in {arguments.out}")
        return 0
    if not arguments.version:
        raise TrainingError("--version is missing; say what the embedded model is called")
    if not 1 <= arguments.levels <= 127:
        raise TrainingError(f"--levels {arguments.levels}: int8 has room for 1 to 127")
    levels: int = arguments.levels if arguments.quantization == "int8" else 0
    _convert(run, arguments.out, levels)
    shutil.copyfile(run / "tokenizer.json", arguments.out / "tokenizer.json")
    write_manifest(arguments.out, arguments.version, None)
    if arguments.calibrate:
        from training.calibration import fit_on

        calibration: Calibration = fit_on(arguments.out, arguments.calibrate)
        write_manifest(arguments.out, arguments.version, calibration)
        print(f"calibration: {calibration}")
    return 0


def _convert(run: Path, out: Path, levels: int) -> None:
    import torch

    from training.embedded.export import export
    from training.embedded.model import Shape

    state = torch.load(run / "weights.pt", map_location="cpu", weights_only=True)
    shape = Shape(**json.loads((run / "shape.json").read_text()))
    arrays = {name: value.float().numpy() for name, value in state.items()}
    export(arrays, shape, out, levels=levels)
