"""Who may ask the explorer's server: its own page, which has the token.

Any page that is open in a browser can send requests to a port of this machine, and so can any
program and, on a shared machine, any user. So each request must name this machine as its host
(against names that are made to point here), come from this page or from no page at all, and carry
the token that the printed URL has.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
COOKIE = "hnet-seq-explore"
MOST_BODY = 1 << 18  # bytes of a question
MOST_PAGE = 1 << 26  # of what is to be saved
SAVE = "/api/save"


class Refused(Exception):
    """A request that gets a status and a line instead of an answer."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status, self.said = status, said


def refusal(status: int, said: str) -> Response:
    """The status, and a line of JSON."""
    body = json.dumps({"error": " ".join(said.split())}) + "\n"
    return Response(body, status, media_type="application/json")


def new_token() -> str:
    """Of this run of the server."""
    return secrets.token_urlsafe(32)


class Guard:
    """Lets through to the application what its own page asks.

    Args:
        port: of the server; two servers on one host share their cookies.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self.cookie = f"{COOKIE}-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        try:
            self._check(scope, headers)
            if scope["method"] == "POST":
                receive = await _read(scope, headers, receive)
        except Refused as refused:
            await refusal(refused.status, refused.said)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: Mapping[str, str]) -> None:
        host = headers.get("host", "")
        if host.rpartition(":")[0] not in HOSTS and host not in HOSTS:
            raise Refused(403, "this server answers to localhost alone; open the URL as printed")
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        opens = scope["path"] == "/" and scope["method"] == "GET" and asked
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin not in (None, f"http://{host}"):
            raise Refused(403, "the request is of another page; open the URL as printed")
        # A link in another page may open this one: the token is in it.
        if site not in ("none", "same-origin") and not opens:
            raise Refused(403, "the request is of another page; open the URL as printed")
        given = asked[0] if opens else self._cookie(headers)
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise Refused(
                403, "no token, or a wrong one; open the URL as hnet-seq explore printed it"
            )

    def _cookie(self, headers: Mapping[str, str]) -> str:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return bearer.strip()
        # Cookies of a host are sent to all its ports: others may stand before ours, of any form.
        for own in headers.get("cookie", "").split(";"):
            name, _, value = own.partition("=")
            if name.strip() == self.cookie:
                return value.strip().strip('"')
        return ""


async def _read(scope: Scope, headers: Mapping[str, str], receive: Receive) -> Receive:
    """The body, read as far as it may go, as what is received then."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "the body is no application/json")
    most = MOST_PAGE if scope["path"] == SAVE else MOST_BODY
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 18 or int(length) > most:
        raise Refused(413, f"the body has more than {most:,} bytes")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        if len(body) > most:
            raise Refused(413, f"the body has more than {most:,} bytes")
        if not message.get("more_body"):
            break
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return again
