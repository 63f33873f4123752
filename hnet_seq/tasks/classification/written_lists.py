"""Lists as JSON, Python and NumPy write them into a cell of a table."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*["]"""
_NUMBER = r"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|inf)|nan|True|False"
_MEMBER = re.compile(rf"({_QUOTED})|({_NUMBER})")
# NumPy has blanks alone between members; Python would join strings that stand so.
_OF_NUMPY = re.compile(rf"\[\s*(?:(?:{_QUOTED}|{_NUMBER})(?:\s+|(?=\])))*\]")


def written_list(text: str) -> list[str] | None:
    """The members of a list, as texts; None for another text, such as ``[2Fe-2S];[4Fe-4S]``.

    Numbers of JSON and NumPy stay as they are written. A list with lists in it is none.
    """
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    found = _of_json(text)
    if found is None and _OF_NUMPY.fullmatch(text):
        found = [_literal(quoted) if quoted else bare for quoted, bare in _MEMBER.findall(text)]
        return None if None in found else found
    if found is None:
        found = _literal(text)
    if not isinstance(found, list) or any(isinstance(each, list | dict | tuple) for each in found):
        return None
    return [str(each) for each in found]


def _of_json(text: str) -> Any:
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _literal(text: str) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd escapes
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
