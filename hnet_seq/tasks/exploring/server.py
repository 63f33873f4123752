"""The explorer's server: one page, its modules, and the questions that it asks.

Every answer is JSON, an error a status and one line; nothing of a traceback leaves the process.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hnet_seq.results.explored import Explored
from hnet_seq.tasks.exploring.explorer import Explorer, Steps, Strand
from hnet_seq.tasks.exploring.guard import SAVE, Guard, refusal
from hnet_seq.tasks.exploring.page import MODULES, about, live_page, module, saved_page
from hnet_seq.tasks.exploring.pasting import pasted
from hnet_seq.tasks.exploring.reading import OnTokens
from hnet_seq.tasks.exploring.sources import Source
from hnet_seq.tasks.exploring.waiting import Progress, answer_of, awaited, told
from hnet_seq.tasks.exploring.worker import BITS, CUTS, MAP, Superseded, Worker
from modalities.errors import InputError, UsageError
from pipelines.formats.regions import Span
from pipelines.storage.json_records import parse_record

Asked = TypeVar("Asked")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A question about a region.

    Attributes:
        slot: of a page: a later question of the same slot takes this one's place.
        model: by its number.
        record, start, end: 0-based; all of what is pasted where they are left out.
        pasted: letters, where the region is of them.
    """

    slot: str
    model: int = 0
    strand: Strand = "+"
    record: str | None = None
    start: int | None = None
    end: int | None = None
    pasted: str | None = None


@dataclass(frozen=True)
class Found:
    """What is to be found: a record, a region or a gene."""

    asked: str


class Server:
    """The routes, behind their guard.

    Args:
        first: what the page shows when it opens.
        names: of :func:`about`.
        token, port: see :class:`Guard`.

    Attributes:
        app: the application.
    """

    def __init__(
        self,
        explorer: Explorer,
        first: list[Explored],
        names: dict[str, Any],
        token: str,
        port: int,
    ) -> None:
        self._explorer, self._first, self._token = explorer, first, token
        self._about = about(explorer, **names)
        self._worker = Worker()
        self.app = Guard(self._routed(), token, port)

    def _routed(self) -> Starlette:
        routes = [
            Route("/", self._page),
            Route("/page/{name}", self._module),
            Route("/api/find", self._find, methods=["POST"]),
            Route("/api/lane", self._lane, methods=["POST"]),
            Route("/api/bits", self._bits, methods=["POST"]),
            Route("/api/map", self._map, methods=["POST"]),
            Route(SAVE, self._save, methods=["POST"]),
        ]
        return Starlette(
            routes=routes,
            exception_handlers={HTTPException: _of_http, Exception: _of_bug},
        )

    def close(self) -> None:
        """End what is being computed."""
        self._worker.close()

    async def _page(self, _request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        answer = Response(live_page(self._about, self._first, nonce), media_type="text/html")
        answer.set_cookie(self.app.cookie, self._token, httponly=True, samesite="strict")
        answer.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            "style-src-attr 'unsafe-inline'; img-src data:; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return _closed(answer)

    async def _module(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in MODULES:
            raise HTTPException(404)
        return _closed(Response(module(name), media_type="text/javascript"))

    async def _find(self, request: Request) -> Response:
        return await _answered(self._found(request))

    async def _found(self, request: Request) -> Response:
        asked = _asked(await request.body(), Found).asked
        if self._explorer.source is None:
            raise UsageError("region", "there is no GENOME; paste a sequence")
        name, start, end = self._explorer.source.find(asked)
        length = self._explorer.source.lengths[name]
        return _json({"record": name, "start": start, "end": end, "length": length})

    async def _lane(self, request: Request) -> Response:
        async def content() -> Response:
            wanted = _asked(await request.body(), Wanted)

            def steps(tell: OnTokens) -> Steps[Explored]:
                source, span = self._place(wanted)
                yield 0, 1
                return self._explorer.lane(wanted.model, source, span, wanted.strand, tell)

            self._worker.drop(f"bits {wanted.slot}")  # of what was seen before
            found = await answer_of(request, self._worker.ask(f"cuts {wanted.slot}", CUTS, steps))
            return _json(found.content())

        return await _answered(content())

    async def _bits(self, request: Request) -> Response:
        async def content() -> Response:
            wanted = _asked(await request.body(), Wanted)

            def steps(tell: OnTokens) -> Steps[list[float | None]]:
                source, span = self._place(wanted)
                yield 0, 1
                return self._explorer.bits(wanted.model, source, span, wanted.strand, tell)

            question = self._worker.ask(f"bits {wanted.slot}", BITS, steps)
            return _json({"bits": await answer_of(request, question)})

        return await _answered(content())

    async def _map(self, request: Request) -> Response:
        async def content() -> Response:
            wanted = _asked(await request.body(), Wanted)
            source, span = self._place(wanted)
            steps = self._explorer.dependencies(wanted.model, source, span)
            question = self._worker.ask(f"map {wanted.slot}", MAP, lambda _tell: steps)
            # What is wrong with the question is known after its first step.
            answer = await awaited(request, question, lambda: question.progress[0] > 0)
            if answer.done():
                answer.result()
            return _closed(Progress(question, answer))

        return await _answered(content())

    async def _save(self, request: Request) -> Response:
        async def content() -> Response:
            body = _json_of(await request.body())
            if not isinstance(body, dict) or not isinstance(body.get("regions"), list):
                raise InputError(None, "no list 'regions'", where="request")
            regions = [Explored.of(own) for own in body["regions"] if isinstance(own, dict)]
            if len(regions) != len(body["regions"]) or not regions:
                raise InputError(None, "'regions' are no regions", where="request")
            page = saved_page(self._about, regions, opens_all=True)
            return _closed(Response(page, media_type="text/html"))

        return await _answered(content())

    def _place(self, wanted: Wanted) -> tuple[Source, Span]:
        source = self._explorer.source
        if wanted.pasted is not None:
            source = pasted(wanted.pasted, self._explorer.modality)
        if source is None:
            raise UsageError("region", "there is no GENOME; paste a sequence")
        record = wanted.record
        if record is None and wanted.pasted is not None:
            (record,) = source.lengths
        if record is None or record not in source.lengths:
            raise InputError(source.path, f"no record {record!r}", where="record")
        end = source.lengths[record] if wanted.end is None else wanted.end
        return source, source.checked((record, wanted.start or 0, end))


async def _answered(content: Awaitable[Response]) -> Response:
    """The answer, or what is wrong with the question."""
    try:
        return await content
    except Superseded as error:
        return refusal(409, f"{error}")
    except InputError as error:
        return refusal(400, f"{error}")
    except asyncio.CancelledError:  # by uvicorn, when it ends
        return refusal(503, "the server was stopped")


def _asked(body: bytes, kind: type[Asked]) -> Asked:
    found: Asked = parse_record(None, "request", _json_of(body), kind)
    return found


def _json_of(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InputError(None, "is not JSON", where="request") from None


def _json(value: Any) -> Response:
    return _closed(Response(json.dumps(value), media_type="application/json"))


def _closed(answer: Response) -> Response:
    """With what keeps it to this page."""
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


async def _of_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: "no such page", 405: "not with this method"}
    return refusal(error.status_code, said.get(error.status_code, error.detail))


async def _of_bug(_request: Request, error: Exception) -> Response:
    return refusal(500, told(error))
