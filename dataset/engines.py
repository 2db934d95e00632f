"""Runs the tasks of a build: in processes, or under datatrove's executors (local, Slurm, Ray).

A task is a picklable callable of its rank; all it makes is on disk, so that engines only start it.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Protocol

from dataset.errors import DatasetError
from dataset.interruption import raise_if_interrupted

Task = Callable[[int], object]
ENGINES = ("processes", "local", "slurm", "ray")
# Tasks submitted ahead of the workers: enough to keep them busy, few enough for any manifest.
_AHEAD = 4


class Engine(Protocol):
    """Runs `task(rank)` for each rank below `count`, in that order of starting."""

    def __call__(self, task: Task, count: int, done: Callable[[int], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Processes:
    """A pool of processes of this machine; they end when this process does, however it ends."""

    workers: int

    def __call__(self, task: Task, count: int, done: Callable[[int], None]) -> None:
        if self.workers <= 1 or count <= 1:
            for rank in range(count):
                task(rank)
                done(rank)
                raise_if_interrupted()
            return
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(
            self.workers, context, initializer=_start_worker, initargs=(task,)
        )
        try:
            running: dict[Future[None], int] = {}
            following = iter(range(count))
            while True:
                for rank in following:
                    running[pool.submit(_run_in_worker, rank)] = rank
                    if len(running) >= self.workers * _AHEAD:
                        break
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                raise_if_interrupted()
                for future in finished:
                    future.result()
                    done(running.pop(future))
        except KeyboardInterrupt:
            # What they are at is not finished, and will be made again.
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise
        except BrokenProcessPool as error:
            raise DatasetError(
                "a worker process was killed (out of memory?); run the same command again with"
                " fewer --workers: finished parts are kept"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Datatrove:
    """One of datatrove's executors; `options` go to its constructor as they are."""

    kind: str
    workers: int
    logs: Path
    options: Mapping[str, Any]

    def __call__(self, task: Task, count: int, done: Callable[[int], None]) -> None:
        if not count:
            return
        kind = self._executor()
        if self.kind == "ray":
            _start_ray()
        completions = self.logs / "completions"
        shutil.rmtree(completions, ignore_errors=True)
        try:
            executor = kind(
                pipeline=[partial(_run_rank, task=task, folder=Path.cwd())],
                tasks=count,
                workers=self.workers,
                logging_dir=str(self.logs.resolve()),
                skip_completed=False,
                **self.options,
            )
        except TypeError as error:
            raise DatasetError(
                f"engine_options do not fit the engine {self.kind}: {error}"
            ) from error
        try:
            executor.run()
        except FileNotFoundError as error:
            if error.filename != "sbatch":
                raise
            raise DatasetError("sbatch is not on the PATH; run this where Slurm is") from error
        except CalledProcessError as error:
            raise DatasetError(f"Slurm did not take the tasks in; see {self.logs}") from error
        if self.kind == "slurm":
            raise DatasetError(
                f"{count} tasks are with Slurm now (logs in {self.logs}); run the same command"
                " again when they have ended: it goes on from there"
            )
        # Ray's executor only logs a task that failed.
        lost = [rank for rank in range(count) if not (completions / f"{rank:05d}").exists()]
        if lost:
            raise DatasetError(
                f"{len(lost)} of {count} tasks failed; see {self.logs}, mend it and run again"
            )
        for rank in range(count):
            done(rank)

    def _executor(self) -> Any:
        try:
            executors: Any = import_module("datatrove.executor")
        except ImportError as error:
            raise DatasetError(
                "datatrove is not installed; pip install 'namewright[data]'"
            ) from error
        names = {"local": "Local", "slurm": "Slurm", "ray": "Ray"}
        return getattr(executors, f"{names[self.kind]}PipelineExecutor")


def _start_ray() -> None:
    """Join the cluster in RAY_ADDRESS, or start one on this machine that ends with this process."""
    # Nothing leaves the machine unasked.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise DatasetError("ray is not installed; pip install 'namewright[ray]'") from error
    if ray.is_initialized():
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if "RAY_ADDRESS" not in os.environ:
        quiet["include_dashboard"] = False
    try:
        ray.init(**quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        cause = str(error).strip().split("\n")[0]
        raise DatasetError(f"ray did not start or answer ({cause}); see RAY_ADDRESS") from error


def make_engine(kind: str, workers: int, logs: Path, options: Mapping[str, Any]) -> Engine:
    """The engine of a recipe; raises DatasetError for an unknown one."""
    if kind == "processes":
        return Processes(workers)
    if kind in ENGINES:
        return Datatrove(kind, workers, logs, options)
    raise DatasetError(f"engine {kind!r} is unknown; known are {', '.join(ENGINES)}")


def _run_rank(_data: object, rank: int, _world_size: int, *, task: Task, folder: Path) -> None:
    """On another node or in another process; paths of the recipe count from where it was read."""
    os.chdir(folder)
    task(rank)


_worker_task: Task | None = None


def _start_worker(task: Task) -> None:
    """The task travels once for each worker; it may hold a list of many thousand units."""
    global _worker_task
    _worker_task = task
    # The terminal interrupts all processes at once; the first one decides and tells.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()


def _run_in_worker(rank: int) -> None:
    assert _worker_task is not None
    _worker_task(rank)


def _end_with_parent() -> None:
    """A killed build must not leave workers behind that wait for it for ever."""
    parent = multiprocessing.parent_process()

    def wait_for_its_end() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait_for_its_end, daemon=True).start()
