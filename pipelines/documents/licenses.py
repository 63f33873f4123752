"""Licences as SPDX expressions, and whether all that they ask for is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_TOKEN = re.compile(r"\s*([()/]|[A-Za-z0-9.+:_-]+)")


class _NotSpdx(ValueError):
    pass


def allowed(expression: str, licenses: Sequence[str]) -> bool:
    """Whether text under ``expression`` may be taken where ``licenses`` are allowed.

    ``OR`` needs one side, ``AND`` both; an exception after ``WITH`` only permits more. The old
    ``MIT/ISC`` reads as either, so it needs both. What is no SPDX expression is allowed only where
    it stands in ``licenses`` letter for letter. Case is ignored.

    Source: SPDX specification 3.0, annex B.
    """
    known = {license.casefold() for license in licenses}
    if expression.strip().casefold() in known:
        return True
    try:
        tokens = list(_tokens(expression))
        result = _either(tokens, known)
    except _NotSpdx:
        return False
    return result and not tokens


def _tokens(expression: str) -> Iterator[str]:
    position = 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise _NotSpdx(expression)
        yield match.group(1).casefold()
        position = match.end()


def _either(tokens: list[str], known: set[str]) -> bool:
    result = _both(tokens, known)
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        # Not "result or ...": the right side must be read in any case.
        result |= _both(tokens, known)
    return result


def _both(tokens: list[str], known: set[str]) -> bool:
    result = _one(tokens, known)
    while tokens and tokens[0] in ("and", "/"):
        tokens.pop(0)
        result &= _one(tokens, known)
    return result


def _one(tokens: list[str], known: set[str]) -> bool:
    token = tokens.pop(0) if tokens else ")"
    if token == "(":
        result = _either(tokens, known)
        if not tokens or tokens.pop(0) != ")":
            raise _NotSpdx("a parenthesis is open")
        return result
    if token in ("and", "or", "with", ")", "/"):
        raise _NotSpdx(f"{token} in the place of a licence")
    if tokens and tokens[0] == "with":
        del tokens[:2]
    return token in known
