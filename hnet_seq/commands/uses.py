"""Uses of a verb, each a command of its own: ``score variants``, ``shard check``.

The verb alone takes the options of all its uses and finds out which one is asked for; a use takes
what means something in it, by the verb's table ``MEANT``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hnet_seq.commands.meaning import Table, excluded


@dataclass(frozen=True)
class Use:
    """One of them.

    Attributes:
        text: what it does, a line.
        fact: what ``MEANT`` calls it.
        example: a command.
    """

    text: str
    fact: tuple[str, str]
    example: str


Uses = Mapping[str, Use]


def described(uses: Uses) -> str:
    """A line for each."""
    return "\n".join(f"  {name:13s}{use.text}" for name, use in uses.items())


def leave_out(parser: argparse.ArgumentParser, table: Table, fact: tuple[str, str]) -> None:
    """Take the options out that mean nothing in a use; they keep their defaults."""
    rest: dict[str, Any] = dict([fact])
    for option in excluded(table, *fact):
        action = next((a for a in parser._actions if a.dest == option), None)
        if action is not None and action.option_strings:
            rest[option] = action.default
            for text in action.option_strings:
                parser._option_string_actions.pop(text)
            action.container._remove_action(action)  # type: ignore[attr-defined]
    parser.set_defaults(**rest)


def arguments_at(parser: argparse.ArgumentParser, words: list[str]) -> list[int]:
    """The places of words that are neither options nor their values."""
    found, place = [], 0
    while place < len(words):
        word = words[place]
        if not word.startswith("-") or word == "-":
            found.append(place)
        place += 1
        if word.startswith("--") and "=" not in word:
            known = parser._option_string_actions
            # Whole, or so much of it that it is one option.
            named = [word] if word in known else [text for text in known if text.startswith(word)]
            nargs = known[named[0]].nargs if len(named) == 1 else None
            place += nargs if isinstance(nargs, int) else 1
    return found
