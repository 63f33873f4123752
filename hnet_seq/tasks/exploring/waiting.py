"""Requests that wait for what the models' thread finds, and the end of that with theirs."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hnet_seq.results.dependency_map import DependencyMap
from hnet_seq.tasks.exploring.worker import Question, Superseded
from modalities.errors import InputError

_TOLD = 0.2  # seconds between two lines about a map's progress
Value = TypeVar("Value")


async def answer_of(request: Request, question: Question[Value]) -> Value:
    """What a question comes to; it ends with whoever waits for it.

    Raises:
        Superseded: another one took its place, or nobody waits for it any more.
    """
    return await (await awaited(request, question, lambda: False))


async def awaited(
    request: Request, question: Question[Value], is_enough: Callable[[], bool]
) -> asyncio.Future[Value]:
    """The answer in the server's loop, once it is there or enough of it is done.

    A page that goes away, or a server that ends, drops the question.

    Args:
        is_enough: asked now and then, whether what is done so far will do.
    """
    answer = asyncio.wrap_future(question.answer)
    # The loop does not mind where nobody takes an error of it.
    answer.add_done_callback(lambda own: own.cancelled() or own.exception())
    gone = asyncio.ensure_future(_gone(request))
    waits: set[asyncio.Future[Any]] = {answer, gone}
    try:
        while not answer.done() and not is_enough():
            await asyncio.wait(waits, timeout=_TOLD, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                question.drop()
                waits.discard(gone)
    except asyncio.CancelledError:
        question.drop()
        raise
    finally:
        gone.cancel()
    return answer


async def _gone(request: Request) -> None:
    """Returns when nobody waits for the answer to a request whose body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Progress(StreamingResponse):
    """Progress of a map, and at last the record, a line each.

    Whoever goes away ends the work, before the first line too.
    """

    def __init__(
        self, question: Question[DependencyMap], answer: asyncio.Future[DependencyMap]
    ) -> None:
        super().__init__(_lines(question, answer), media_type="application/x-ndjson")
        self._question = question

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._question.drop()


async def _lines(
    question: Question[DependencyMap], answer: asyncio.Future[DependencyMap]
) -> AsyncIterator[str]:
    while not answer.done():
        done, of = question.progress
        yield json.dumps({"done": done, "of": of}) + "\n"
        await asyncio.wait({answer}, timeout=_TOLD)
    try:
        yield json.dumps({"map": answer.result().content()}) + "\n"
    except (Superseded, InputError) as error:
        yield json.dumps({"error": " ".join(f"{error}".split())}) + "\n"
    except Exception as error:  # the status is sent already
        yield json.dumps({"error": told(error)}) + "\n"


def told(error: Exception) -> str:
    """What the page may know of a fault; the terminal has the rest."""
    traceback.print_exception(error, file=sys.stderr)
    return "the server failed; its terminal says how"
