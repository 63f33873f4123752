"""``hnet-seq boundaries``; its arguments, and which action is which module, are in ``commands``."""

from __future__ import annotations

from hnet_seq.commands.boundaries import EXAMPLE, add_arguments, main

__all__ = ["EXAMPLE", "add_arguments", "main"]
