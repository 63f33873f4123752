"""A function of a module that is imported when it is called."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable


def later(module: str, name: str = "main") -> Callable[[argparse.Namespace], int]:
    """What runs a verb or an action, by the name of its module."""

    def run(args: argparse.Namespace) -> int:
        code: int = getattr(importlib.import_module(module), name)(args)
        return code

    return run
