"""The running state as what ``generate`` hands from step to step."""

from __future__ import annotations

from torch import Tensor

from hnet_seq.model.state import HNetState


class HNetCache:
    """A state of fixed size a sequence, and how many columns it has read.

    It cannot be cut back: what an H-Net has read is not kept token by token.

    Attributes:
        state: one slot a row.
        columns: of the batch so far, padding included.
    """

    is_compileable = False
    is_croppable = False
    is_linear = (False,)  # so `generate` hands on what is new alone

    def __init__(self, state: HNetState) -> None:
        self.state = state
        self.columns = 0

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Columns read."""
        return self.columns

    def get_max_length(self, layer_idx: int | None = None) -> int:
        """-1: there is no end."""
        return -1

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Keep copies of some rows, as beam search asks for."""
        self.state = self.state.select(beam_idx.to(self.state.seen.device))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep some rows."""
        self.reorder_cache(indices)

    def crop(self, tokens_to_remove: int) -> None:
        """Refused.

        Raises:
            ValueError: always.
        """
        raise ValueError("a running state cannot be cut back; read the shorter sequences again")
