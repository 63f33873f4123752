"""The units of a command as tasks of a Dask cluster: it gives them out, again where a worker dies.

The client does what one process does but for computing: it reads the input and says what is wrong
with it, and when all units lie in the folder of the run it puts the outputs together.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from hnet_seq.jobs.dask_worker import (
    Command,
    call_there,
    compute_unit,
    end_command,
    versions_here,
)
from hnet_seq.jobs.ranks import Ranks, as_ranks
from hnet_seq.jobs.shared_run import SharedRun
from hnet_seq.jobs.units import Unit
from modalities.errors import UsageError

_ANSWER = 20  # seconds that a scheduler has
_SEEN = 60.0  # seconds after which the client sees what a worker has written; NFS caches names
_LOCAL = re.compile(r"local:(\d+)")
_OWN = ("hnet_seq", "modalities", "pipelines")
_KEPT = "what is complete is kept: the same command goes on from it"


@contextmanager
def on_dask(where: str, begin: Callable[[], object], label: str) -> Iterator[None]:
    """Inside the block, workers of a cluster compute the units of a command.

    The cluster is gone to when there are units: what is wrong with a command is told first.

    Args:
        where: ``local:N`` for N processes on this machine, ``tcp://HOST:PORT`` or another address
            of a scheduler, or the scheduler's file, ``....json``.
        begin: runs the command in a worker; it can be pickled.
        label: of its tasks on the dashboard.

    Raises:
        UsageError: no such cluster answers, or its workers cannot compute this.
        OSError: workers died again and again, or the scheduler did.
    """
    distributed = _import_distributed()
    command = Command(begin, uuid4().hex, os.getcwd(), versions_here())
    # A connection that is lost is told below, in a line.
    with _without_logs("distributed"), ExitStack() as opened:
        cluster = Cluster(partial(_entered, opened, where), command, label)
        try:
            with as_ranks(Ranks(engine=cluster, pool=cluster.pool)):
                yield
        except distributed.KilledWorker as error:
            raise OSError(
                f"{error.task}: {error.allowed_failures + 1} workers ended at it, one by one, "
                f"maybe for want of memory; see the log of the last, {error.last_worker.address}; "
                f"{_KEPT}"
            ) from None
        except (CancelledError, distributed.client.FutureCancelledError):
            raise OSError(f"{where}: the Dask scheduler is gone, or has let go; {_KEPT}") from None
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in _OWN:
                raise
            raise UsageError(
                "dask",
                f"{where}: a worker cannot import {error.name}; install hnet-seq on all, the same "
                "version as here",
            ) from None
        finally:
            cluster.let_go()


@contextmanager
def _without_logs(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class Cluster:
    """The client's side: it has units computed and writes what comes of them."""

    name = "client"
    writes = True

    def __init__(self, connect: Callable[[], Any], command: Command, label: str) -> None:
        self._connect = connect
        self._command = command
        self._label = label

    @cached_property
    def _client(self) -> Any:
        return self._connect()

    def let_go(self) -> None:
        """Have workers end the command, if any were asked to begin it."""
        client = vars(self).get("_client")
        if client is not None and client.status == "running":
            client.run(end_command, on_error="ignore")

    def share_out(
        self, run: SharedRun, compute: Callable[[Unit], object], tell: Callable[[], object]
    ) -> None:
        """Have all missing units computed; the most expensive come first, in steps of two.

        Within a step they go in order, so that a worker reads the input once a step.
        """
        from distributed import as_completed

        folder = f"{run.folder.absolute()}"
        futures = []
        for step, units in sorted(_by_cost(run.missing()).items()):
            keys = [self._key(unit.name) for unit in units]
            calls = [_packed(compute_unit, self._command, folder, unit.index) for unit in units]
            futures += self._client.map(pickle.loads, calls, key=keys, priority=step)
        try:
            for future in as_completed(futures):
                future.result()
                tell()
        except BaseException:
            with suppress(Exception):
                self._client.cancel(futures)
            raise
        _check_seen(run)

    def pool(self, folder: Path | None) -> Executor:
        """What calls functions on workers that see the folder."""
        seen = None if folder is None else f"{folder.absolute()}"
        return _Pool(self._client, self._command, seen)

    def _key(self, name: str) -> str:
        return f"{self._label}-{name}-{self._command.token}"


class _Pool(Executor):
    """Calls that go to workers."""

    def __init__(self, client: Any, command: Command, folder: str | None) -> None:
        self._executor = client.get_executor(pure=False)
        self._first = (command, folder)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        task = partial(fn, **kwargs) if kwargs else fn
        call = _packed(call_there, *self._first, task, *args)
        future: Future[Any] = self._executor.submit(pickle.loads, call)
        return future

    def shutdown(self, *_: Any, **__: Any) -> None:
        """Let go of what nobody has waited for."""
        self._executor.shutdown(wait=False)


class _Call:
    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> Any:
        function, *arguments = self._call
        return function, tuple(arguments)


def _packed(*call: Any) -> bytes:
    """What a worker calls by unpickling it.

    A worker that finds in a task what it cannot import ends, and is started again and again, or
    never; ``pickle.loads`` it has, and what that cannot import is the task's error.
    """
    return pickle.dumps(_Call(*call))


def _by_cost(units: Sequence[Unit]) -> dict[int, list[Unit]]:
    """Units by the power of two of their cost: what is most expensive goes first."""
    steps: dict[int, list[Unit]] = defaultdict(list)
    for unit in units:
        steps[math.frexp(unit.cost)[1]].append(unit)
    return steps


def _check_seen(run: SharedRun) -> None:
    until = time.monotonic() + _SEEN
    while missing := run.missing():
        if time.monotonic() > until:
            raise UsageError(
                run.folder,
                f"has no {missing[0].name}, which a Dask worker has computed; name an output on a "
                "disk that this machine and all workers see",
            )
        time.sleep(0.2)


def _import_distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise UsageError("dask", "needs distributed: pip install 'hnet-seq[dask]'") from None
    return distributed


@contextmanager
def _opened(where: str) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    if found := _LOCAL.fullmatch(where):
        if not int(found[1]):
            raise UsageError("dask", f"{where} has no workers; 1 or more")
        with (
            # Memory of a model is none that Dask counts; what a machine has is the bound.
            LocalCluster(
                n_workers=int(found[1]),
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    file = Path(where) if where.endswith(".json") else None
    if file is not None and not file.is_file():
        raise UsageError("dask", f"{where} is not there; name a scheduler's file, or an address")
    try:
        client = Client(
            **({"scheduler_file": where} if file is not None else {"address": where}),
            timeout=_ANSWER,
        )
    except (OSError, ValueError) as error:
        said = " ".join(f"{error}".split())
        raise UsageError("dask", f"{where}: no scheduler answers there: {said}") from None
    with client:
        yield client


def _entered(opened: ExitStack, where: str) -> Any:
    client = opened.enter_context(_opened(where))
    _tell(client)
    return client


def _tell(client: Any) -> None:
    """Where the dashboard is, and what a user may not expect of the workers."""
    workers: dict[str, int] = client.nthreads()
    count = f"{len(workers)} workers" if workers else "no workers yet, waiting for them"
    served = "dashboard" in client.scheduler_info()["services"]
    link = f"; dashboard {client.dashboard_link}" if served else ""
    print(f"Dask: {count}{link}", file=sys.stderr)
    if several := [address for address, threads in workers.items() if threads > 1]:
        print(
            f"note: {len(several)} workers have several threads, and use one at a time; start them "
            "with --nthreads 1",
            file=sys.stderr,
        )
