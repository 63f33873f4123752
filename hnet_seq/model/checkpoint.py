"""A checkpoint that was opened, before a module takes it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.locate import Located


@dataclass(frozen=True)
class Checkpoint:
    """What lies on disk, before a module takes it.

    Attributes:
        found: the files.
        config: shape of the model.
        weights: on the CPU, mapped from the file, but for those of ``int8_rows``: reading shapes
            costs no memory.
        metadata: what the weights were trained on; for a ``.pt``, known of the released ones.
        int8_rows: names of weights that lie there as :mod:`hnet_seq.model.int8_rows` has it.
        either: names of weights that a language model takes, or one with a head; not both.
    """

    found: Located
    config: HNetConfig
    weights: dict[str, Tensor]
    metadata: dict[str, str]
    int8_rows: frozenset[str] = frozenset()
    either: frozenset[str] = frozenset()


def owned_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict with one name for each tensor: that of a tied matrix's first owner."""
    owners = {name for name, _ in model.named_parameters()}
    owners |= {name for name, _ in model.named_buffers()}
    return {name: value for name, value in model.state_dict().items() if name in owners}
