"""Units of input become shards, in this process or in several: the same bytes either way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from modalities.errors import UsageError
from pipelines.orphans import watch_parent
from pipelines.progress import progress_bar
from pipelines.shards.shard_folder import Staging, UnitResult


@dataclass(frozen=True)
class Job:
    """One unit: what makes its shards in a folder, and the bytes of input that it reads.

    ``make`` may go to another process; it gets the folder, the unit's number, and what to tell the
    number of bytes read to.
    """

    bytes: int
    make: Callable[[Path, int, Callable[[int], object]], UnitResult]


def run_jobs(
    jobs: Sequence[Job],
    staging: Staging,
    workers: int,
    *,
    pool: Executor | None = None,
    progress: bool = True,
) -> list[UnitResult]:
    """The results of all units, in order; those that are complete already are not made again.

    Args:
        pool: of other processes than ``workers`` here; they see the staging folder.

    Raises:
        InputError: of the first unit, in order, whose input is bad.
        UsageError: ``workers`` is below 1.
    """
    if workers < 1:
        raise UsageError("workers", f"is {workers}, expected at least 1 process")
    done = {number: result for number in range(len(jobs)) if (result := staging.load(number))}
    left = [number for number in range(len(jobs)) if number not in done]
    with progress_bar(
        "writing", sum(job.bytes for job in jobs), unit="B", progress=progress
    ) as bar:
        bar.update(sum(jobs[number].bytes for number in done))
        if pool is None and (workers == 1 or len(left) <= 1):
            for number in left:
                before = bar.n
                done[number] = _make(jobs[number], staging, number, bar.update)
                bar.update(before + jobs[number].bytes - bar.n)
        else:
            with pool or worker_pool(min(workers, len(left))) as others:
                _run_apart(jobs, left, staging, others, done, bar)
    return [done[number] for number in range(len(jobs))]


def added(results: Sequence[UnitResult]) -> Counter[str]:
    """Their statistics together."""
    total: Counter[str] = Counter()
    for result in results:
        total.update(result.statistics)
    return total


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end when this one does, however it does.

    Raises:
        OSError: one of them was killed.
    """
    pool = _Pool(
        workers,
        # Not forked: a fork copies the locks that other threads hold.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=watch_parent,
        initargs=(os.getpid(),),
    )
    try:
        yield pool
    except BrokenProcessPool:
        raise OSError(
            "a worker process was killed, maybe for want of memory; what is complete is kept: run "
            "the same command again, with fewer --workers"
        ) from None
    except (KeyboardInterrupt, SystemExit):
        # A unit may take minutes, and is made again as a whole.
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Pool(ProcessPoolExecutor):
    """Its processes, which ``submit`` starts, never see an interrupt: this process answers it.

    A terminal sends it to all of them, and one that is still importing would print a traceback.
    """

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        # Held back here, it is held back in what is started, for good.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _ignore(_count: int) -> None:
    """Another process has no bar."""


def _make(
    job: Job, staging: Staging, number: int, tell: Callable[[int], object] = _ignore
) -> UnitResult:
    result = job.make(staging.folder, number, tell)
    staging.save(number, result)
    return result


def _run_apart(
    jobs: Sequence[Job],
    left: Sequence[int],
    staging: Staging,
    pool: Executor,
    done: dict[int, UnitResult],
    bar: tqdm[None],
) -> None:
    failed: dict[int, BaseException] = {}
    running: dict[Future[UnitResult], int] = {
        pool.submit(_make, jobs[number], staging, number): number for number in left
    }
    while running:
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            number = running.pop(future)
            error = future.exception()
            if error is not None:
                failed[number] = error
            else:
                done[number] = future.result()
                bar.update(jobs[number].bytes)
        if failed:
            # Units before the failed one may fail too, and theirs is the error to tell.
            for future, number in list(running.items()):
                if number > min(failed) and future.cancel():
                    del running[future]
    if failed:
        raise failed[min(failed)]
