"""The processes of a run, as ``torchrun`` starts them: one group, and a device for each."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch
import torch.distributed as dist

from modalities.errors import UsageError

# The first process may hash all shards, or write a large checkpoint, while the others wait.
_PATIENCE = timedelta(hours=1)
_QUIET = 0.3  # seconds
# How gloo and NCCL say that a process does not answer.
_GONE = re.compile("(closed|reset) by peer|socket closed|broken pipe|remote process exited", re.I)


@contextmanager
def process_group(device: str | None) -> Iterator[str]:
    """Join the processes that were launched with this one; yields this one's device.

    What refers to the group, such as a model under DDP, must be gone when the block ends.

    Environment variables say which they are (``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``,
    ``MASTER_ADDR``, ``MASTER_PORT``). Without them, or where they tell of one process, and in a
    group that exists already, only the device is chosen.

    Args:
        device: ``cuda`` becomes that of the local rank; None: a GPU if there is one, else the CPU.

    Raises:
        UsageError: the launcher started more processes on this machine than it has GPUs.
        ConnectionError: another process of the group has ended.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1 and not dist.is_initialized():
        yield device
        return
    on_gpu = device.startswith("cuda")
    if on_gpu:
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise UsageError(
                "torchrun",
                f"process {local} of this machine finds {torch.cuda.device_count()} GPUs; start "
                "as many processes as there are GPUs, or give --device cpu",
            )
        device = f"cuda:{local}"
        torch.cuda.set_device(local)
    if dist.is_initialized():
        yield device
        return
    # A process that waits for another one runs no handler: it would not end when torchrun asks.
    with suppress(ValueError):  # not the main thread: the caller owns the signals
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Small tensors are summed on the host, beside the GPUs' gradients.
    store, rank, size = next(dist.rendezvous("env://", timeout=_PATIENCE))
    # torchrun may keep its store over restarts, and with it the addresses of processes that died.
    attempt = f"{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{size}"
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
        store=dist.PrefixStore(attempt, store),
        rank=rank,
        world_size=size,
        timeout=_PATIENCE,
    )
    with _others_there():
        yield device
        # Not after an error: the others may be gone, and taking leave of them would wait for ever.
        leave_group()


@contextmanager
def _others_there() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not _GONE.search(str(error)):
            raise
        said = "another process of this run has ended; what it said, or its launcher, tells why"
        raise ConnectionError(said) from error


def leave_group() -> None:
    """Wait for the other processes and leave their group.

    A process must leave before Python ends: gloo's threads drop the tensors of the last messages
    under Python's lock, and one that asks for it too late aborts the process
    (https://github.com/pytorch/pytorch/pull/179291).
    """
    dist.barrier()
    # Leaving waits for these threads with the lock taken. They need microseconds; give them more.
    time.sleep(_QUIET)
    dist.destroy_process_group()


@contextmanager
def deterministic_operations(wanted: bool) -> Iterator[None]:
    """Only operations that give the same bits each time, inside the block, where that is wanted."""
    before = torch.are_deterministic_algorithms_enabled()
    if wanted:
        # cuBLAS reads it when it is first used.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
