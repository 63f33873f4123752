"""The Mamba-2 scan by the Triton kernels of mamba-ssm, for packed sequences on a CUDA GPU.

Its products of fp32 are rounded to TF32, so only fp16 and bf16 come here: x, B and C; step sizes,
decays and skip weights stay in fp32. The state is accumulated in fp32 and handed from block to
block in the type of C.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.optional import load_past_package, missing, only_cuda, only_half, pieces
from hnet_seq.ops.packing import Packing

CHUNK = 256  # tokens of one block; the kernels want a power of two
_MODULE = "mamba_ssm.ops.triton.ssd_combined"
_LARGEST_OFFSET = 2**31 - 1


def objection(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why the kernels cannot be used."""
    reason = only_cuda(device) or only_half(dtype, "its products would round fp32 to TF32")
    return reason or missing(_MODULE, "mamba-ssm", load_past_package)


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, packing: Packing
) -> Tensor:
    """As :func:`hnet_seq.ops.ssd.naive.ssd`; (T, H, P) in the type of ``x``.

    Raises:
        ValueError: a sequence is so long that the kernels' 32-bit offsets would wrap.
    """
    scan = load_past_package(_MODULE).mamba_chunk_scan_combined
    B, C = B.to(x.dtype), C.to(x.dtype)
    dt, A, D = dt.float(), A.float(), D.float()
    heads, width, state = x.shape[1], x.shape[2], B.shape[1]
    # The largest tensors: the inputs with their row strides, and one gradient of B for each head.
    row = max(x.stride(0), B.stride(0), C.stride(0), dt.stride(0), heads * max(width, state))
    row = max(row, -(-heads * width * state // CHUNK))
    outputs = []
    for tokens, piece in pieces(packing, _LARGEST_OFFSET // row - CHUNK, "mamba-ssm"):
        y = scan(
            x[tokens].unsqueeze(0),
            dt[tokens].unsqueeze(0),
            A,
            B[tokens][None, :, None],
            C[tokens][None, :, None],
            chunk_size=CHUNK,
            D=D,
            seq_idx=piece.sequence_row,
        )
        outputs.append(y.squeeze(0))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)
