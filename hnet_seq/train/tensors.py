"""Arrays of a batch as tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def on_device(array: np.ndarray, device: torch.device) -> Tensor:
    """A batch's array on a device; token ids and targets as int64, which torch indexes with.

    They travel as one or two bytes a token.
    """
    tensor = torch.from_numpy(array).to(device)
    return tensor.long() if array.dtype in (np.uint8, np.int16) else tensor
