"""The same corpus under every engine; Slurm is played by three small scripts."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dataset.__main__ import main
from dataset.engines import Processes
from tests.dataset.git_repository import commit, functions, make_repository

# Runs each task of the array at once, one after another, as Slurm would on its nodes.
SBATCH = """#!/bin/bash
script="${@: -1}"
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$script")
case "$(cat "$script")" in *merge_stats*) echo "Submitted batch job 2"; exit 0;; esac
for rank in $(seq 0 "$last"); do
  SLURM_ARRAY_TASK_ID=$rank SLURM_NODELIST=node1 RUN_OFFSET=0 bash "$script" > "$LOG" 2>&1 || exit 1
done
echo "Submitted batch job 1"
"""
SRUN = """#!/bin/bash
while [[ "$1" == -* ]]; do [ "$1" == -n ] && shift; shift; done
exec "$@"
"""

SCONTROL = "#!/bin/bash\necho node1\n"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    lines: list[str] = []
    for topic in ("rows", "names", "lines"):
        repository = make_repository(tmp_path / "clones/ann" / topic)
        lines.append(f"ann/{topic}\t{commit(repository, {'a.py': functions(topic, 9)})}\tMIT")
    path = tmp_path / "manifest.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def recipe(
    folder: Path,
    engine: str,
    out: Path,
    options: str = "{}",
    workers: int = 1,
    near: bool = True,
) -> list[str]:
    path = folder / f"{engine}.yaml"
    path.write_text(
        f"manifests: {folder}/manifest.tsv\nrepositories: {folder}/clones\nworkers: {workers}\n"
        f"engine: {engine}\nengine_options: {options}\nout: {out}\nnear: {str(near).lower()}\n"
    )
    return ["build", "--config", str(path)]


def shards(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


def test_slurm_takes_the_tasks_and_the_same_command_goes_on(
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    scripts = sysconfig.get_path("scripts")
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{scripts}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.setenv("LOG", str(tmp_path / "slurm.log"))
    out = tmp_path / "slurm"
    command = recipe(tmp_path, "slurm", out, '{time: "00:10:00", partition: cpu}')
    assert main(command) == 2
    assert "3 tasks are with Slurm now" in capsys.readouterr().err
    assert not (out / "stats.json").exists()
    assert main(command) == 0
    assert main(recipe(tmp_path, "processes", tmp_path / "processes")) == 0
    assert shards(out) == shards(tmp_path / "processes")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('{time: "00:10:00", partition: cpu}', "sbatch is not on the PATH"),
        ("{}", "engine_options do not fit the engine slurm"),
    ],
)
def test_slurm_that_is_not_there(
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: str,
    words: str,
) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.symlink_to("/usr/bin/git")
    monkeypatch.setenv("PATH", str(git.parent))
    assert main(recipe(tmp_path, "slurm", tmp_path / "out", options)) == 2
    assert words in capsys.readouterr().err


@pytest.fixture(scope="module")
def ray_environment() -> Iterator[dict[str, str]]:
    """Ray's sockets need a short path, and what it leaves there is cleared away."""
    with tempfile.TemporaryDirectory(
        prefix="ray", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:
        yield {**os.environ, "RAY_TMPDIR": folder, "RAY_ADDRESS": "local"}


def run(arguments: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dataset", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_ray_with_two_workers_gives_the_same_bytes(
    manifest: Path, tmp_path: Path, ray_environment: dict[str, str]
) -> None:
    out = tmp_path / "ray"
    command = recipe(tmp_path, "ray", out, "{mem_per_cpu_gb: 0.1}", workers=2, near=False)
    done = run(command, ray_environment)
    assert done.returncode == 0, done.stderr
    assert len(list((out / "logs/completions").iterdir())) == 3
    assert main(recipe(tmp_path, "processes", tmp_path / "processes", near=False)) == 0
    assert shards(out) == shards(tmp_path / "processes")


def test_a_ray_cluster_that_does_not_answer_is_one_line(
    manifest: Path, tmp_path: Path, ray_environment: dict[str, str]
) -> None:
    environment = {**ray_environment, "RAY_ADDRESS": "not/an/address:x"}
    done = run(recipe(tmp_path, "ray", tmp_path / "out"), environment)
    assert done.returncode == 2
    assert "dataset: ray did not start or answer" in done.stderr
    assert "Traceback" not in done.stderr


LOSES_A_TASK = """
import sys
from pathlib import Path
from dataset.engines import Datatrove
from dataset.errors import DatasetError
from tests.dataset.failing_units import fail_at_one
engine = Datatrove("ray", 2, Path(sys.argv[1]), {"tasks_per_job": 1, "mem_per_cpu_gb": 0.1})
try:
    engine(fail_at_one, 3, lambda rank: None)
except DatasetError as error:
    print(error)
"""


def test_a_task_that_failed_under_ray_is_told(
    tmp_path: Path, ray_environment: dict[str, str]
) -> None:
    command = [sys.executable, "-c", LOSES_A_TASK, str(tmp_path / "logs")]
    done = subprocess.run(command, env=ray_environment, capture_output=True, text=True, timeout=300)
    assert done.stdout == f"1 of 3 tasks failed; see {tmp_path}/logs, mend it and run again\n"


def test_processes_run_every_task_once() -> None:
    done: list[int] = []
    Processes(2)(abs, 9, done.append)
    assert sorted(done) == list(range(9))
