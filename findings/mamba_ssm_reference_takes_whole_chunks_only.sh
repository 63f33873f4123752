#!/usr/bin/env bash
# Guess: ssd_chunk_scan_combined_ref, which mamba-ssm publishes beside its chunked scan, takes sequences
# of any length, as the kernel does: it pads what does not fill the last chunk.
# Seen (mamba-ssm 2.2.5): it pads the step sizes alone, and an assertion without a message ends it where
# the length is no multiple of the chunk. Padded by hand it works. The references are torch; their files
# import Triton for the kernels beside them, which nothing here runs.
# It matters here: parity of released models on odd lengths is with selective_scan_ref
# (studies/released_parity_kernels.py).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 einops==0.8.1 packaging==25.0
commit=e0761ece1db07e0949dd88b4f4cd440420a19fd9
git clone --quiet --no-checkout --filter=blob:none https://github.com/state-spaces/mamba "$work/source"
git -C "$work/source" checkout --quiet "$commit" -- mamba_ssm/ops/triton mamba_ssm/utils/torch.py
cat > "$work/seen.py" <<'PY'
import sys
from unittest.mock import MagicMock

import torch
import torch.nn.functional as F

sys.path.insert(0, sys.argv[1])
sys.modules["triton"] = sys.modules["triton.language"] = MagicMock(__version__="3.0")
from mamba_ssm.ops.triton.ssd_combined import ssd_chunk_scan_combined_ref as reference

print("torch", torch.__version__, "mamba-ssm 2.2.5,", sys.argv[2][:7])
CHUNK = 16


def inputs(length: int) -> list[torch.Tensor]:
    torch.manual_seed(0)
    x, dt = torch.randn(1, length, 2, 4), torch.rand(1, length, 2)
    return [x, dt, *torch.randn(2, 1, length, 1, 8)]


def runs(x, dt, B, C) -> str:
    try:
        return f"{reference(x, dt, -torch.ones(2), B, C, CHUNK).shape[1]} positions"
    except AssertionError as error:
        return f"AssertionError({error})"


seen = {length: runs(*inputs(length)) for length in (16, 32, 20, 33)}
print(seen)
padded = [F.pad(part, (0, 0) * (part.dim() - 2) + (0, 12)) for part in inputs(20)]
print("20, padded by hand:", runs(*padded))
assert seen[16] == "16 positions"
assert seen[32] == "32 positions"
assert seen[20] == seen[33] == "AssertionError()"
assert runs(*padded) == "32 positions"
PY
"$work/venv/bin/python" "$work/seen.py" "$work/source" "$commit"
echo "as written above: other lengths than whole chunks end in an assertion"
