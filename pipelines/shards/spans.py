"""What a sample of a shard says about its documents."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Spans:
    """The documents of a block: the sample's JSON.

    Attributes:
        label: of all of them.
        names, starts: for each its record, and where it starts in that (0-based, tokens).
        tokens: how many of each lie in the block, in this order.
        position: of the first in its document; above 0 only where a document goes on.
        ends: whether the last one ends with the block.
    """

    label: str
    names: list[str]
    starts: list[int]
    tokens: list[int]
    position: int = 0
    ends: bool = True

    def to_json(self) -> bytes:
        """As stored."""
        return json.dumps(vars(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Spans:
        """As stored; ValueError or TypeError if it is not."""
        return cls(**json.loads(data))
