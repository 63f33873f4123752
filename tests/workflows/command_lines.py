"""Lines of hnet-seq out of files that other programs fill in, before the verbs' own parsers."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex


def verb_options(words: list[str]) -> argparse.Namespace:
    """What the verb's own parser makes of its arguments; it exits where it knows one not."""
    task = importlib.import_module(f"hnet_seq.commands.{words[0]}")
    parser = argparse.ArgumentParser()
    task.add_arguments(parser)
    return parser.parse_args(words[1:])


def hnet_seq_lines(text: str, values: dict[str, str]) -> list[list[str]]:
    """Words of each line that starts the command, without its name and where it writes to.

    Args:
        values: of expressions in ``${}`` or behind ``$``, as words.
    """
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
    lines = [re.split(r"&&| >", line.strip())[0] for line in text.splitlines()]
    words = [shlex.split(line)[1:] for line in lines if line.startswith("hnet-seq ")]
    left = [word for own in words for word in own if "$" in word]
    assert not left, left
    return words
