"""A worker process of the tests: small units, and maybe an early end."""

from __future__ import annotations

import asyncio

from distributed import Worker

from tests.tasks.ranked_script import kill_after, small_units


def work(address: str, name: str, killed_after: int | None = None) -> None:
    """Work for a scheduler until it goes.

    Args:
        killed_after: units after which this process is killed while it works on one.
    """
    small_units()
    if killed_after is not None:
        kill_after(killed_after)

    async def serve() -> None:
        async with Worker(address, name=name, nthreads=1, dashboard=False) as worker:
            await worker.finished()

    asyncio.run(serve())
