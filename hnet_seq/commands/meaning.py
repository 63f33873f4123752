"""Options that mean something in some uses of a verb only: what is written in vain is an error.

A verb has a table ``MEANT``: for each of its actions (``""`` where it has none), conditions and the
options that mean something where they hold. An option under several conditions needs all of them.

    ``""``              always
    ``data``            beside --data; ``!data``: without it
    ``modality=a|b``    with one of these values; ``modality!=a|b``: with another
    ``validation=a:``   with a value that begins so

What a condition names is an option of the verb, or a fact that is known once an input or a model
has been looked at, and that :func:`check_meant` is then told.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from typing import Any

from modalities.errors import UsageError

Table = Mapping[str, str]

_CONDITION = re.compile(r"(?P<without>!?)(?P<name>\w+)(?:(?P<equals>!?=)(?P<values>.+))?")


def options_written(parser: argparse.ArgumentParser, words: list[str]) -> list[str]:
    """Names of the options that stand in ``words``, also with the value that is the default."""
    options = [action for action in parser._actions if action.option_strings]
    defaults = [action.default for action in options]
    try:
        for action in options:
            action.default = argparse.SUPPRESS
        found = vars(parser.parse_intermixed_args(words))
    finally:
        for action, default in zip(options, defaults, strict=True):
            action.default = default
    return [action.dest for action in options if action.dest in found]


def note_written(args: argparse.Namespace, options: Iterable[str], table: Table) -> None:
    """Keep in ``args`` what each option that was written needs, for :func:`check_meant`."""
    written = set(options)
    args.needs = [
        (option, condition)
        for condition, names in table.items()
        for option in names.split()
        if option in written and condition
    ]


def check_given(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raise UsageError for an empty word, which a variable that is not set leaves.

    Where options may be repeated, the verb looks at each of their values itself.
    """
    for action in parser._actions:
        value = getattr(args, action.dest, None)
        words = value if isinstance(value, list) and not action.option_strings else [value]
        if "" in words and action.default != "":
            raise UsageError(
                action.dest, "is empty, as a variable that is not set; give it, or leave it out"
            )


def excluded(table: Table, fact: str, value: str) -> set[str]:
    """Options that mean nothing where a fact has this value."""
    conditions = ((_CONDITION.fullmatch(condition), names) for condition, names in table.items())
    return {
        option
        for found, names in conditions
        if found is not None and found["name"] == fact and not _holds(value, found)
        for option in names.split()
    }


def check_meant(args: argparse.Namespace, said: str = "", **facts: str) -> None:
    """Raise UsageError for an option that was written and has no meaning here.

    Args:
        said: where ``facts`` are from, for the message.
        facts: what is known by now; a condition on one that is not is left for later.
    """
    known = {**vars(args), **facts}
    for option, condition in getattr(args, "needs", ()):
        found = _CONDITION.fullmatch(condition)
        assert found is not None, condition
        name, values = found["name"], (found["values"] or "").split("|")
        if name not in known or _holds(known[name], found):
            continue
        which = " or ".join(values)
        if name in facts:
            raise UsageError(option, f"is for {which}; {said}")
        beside = f"`{name}` {which}".strip()  # for_command_line() has its option
        if found["without"] or found["equals"] == "!=":
            raise UsageError(option, f"means nothing beside {beside}; leave it out")
        raise UsageError(option, f"goes with {beside}; leave it out")


def _holds(value: Any, condition: re.Match[str]) -> bool:
    if condition["values"] is None:
        return bool(value) != bool(condition["without"])
    written = f"{value:g}" if isinstance(value, float) else f"{value}"
    found = any(
        written.startswith(wanted) if wanted.endswith(":") else written == wanted
        for wanted in condition["values"].split("|")
    )
    return found == (condition["equals"] == "=")
