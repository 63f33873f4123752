#!/usr/bin/env bash
# Guess: ssd_chunk_scan_combined_ref, which mamba-ssm publishes beside its chunked scan, takes sequences
# of any length, as the kernel does: it pads what does not fill the last chunk.
# Seen (mamba-ssm 2.2.5): it pads the step sizes alone, and an assertion without a message ends it where
# the length is no multiple of the chunk. Padded by hand, or by selective_scan_ref, it works.
# It matters here: parity of released models on odd lengths is with selective_scan_ref
# (studies/released_parity_kernels.py).
# From the root of a checkout that has its environment in .venv (PYTHON=... for another).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-.venv/bin/python}
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/site" einops==0.8.1
PYTHONPATH=.:studies "$python" - "$work" <<'PY'
import sys
from pathlib import Path

import torch
from released_parity import fetched
from released_parity_kernels import from_source

work = Path(sys.argv[1])
sys.path.append(str(work / "site"))
folder = fetched("state-spaces/mamba", work) / "mamba_ssm/ops/triton"
parts = {}
for file, name in (
    ("ssd_chunk_scan", "chunk_scan_ref"),
    ("ssd_chunk_state", "chunk_state_ref"),
    ("ssd_state_passing", "state_passing_ref"),
):
    parts[name] = from_source(folder / f"{file}.py", name)[name]
name = "ssd_chunk_scan_combined_ref"
reference = from_source(folder / "ssd_combined.py", name, **parts)[name]


def runs(length: int) -> bool:
    x, dt, A = torch.randn(1, length, 2, 4), torch.rand(1, length, 2), -torch.ones(2)
    B, C = torch.randn(2, 1, length, 1, 8)
    try:
        return reference(x, dt, A, B, C, 16).shape == x.shape
    except AssertionError:
        return False


seen = {length: runs(length) for length in (16, 32, 20, 33)}
print(seen)
assert seen == {16: True, 32: True, 20: False, 33: False}
PY
echo "as written above: other lengths than whole chunks end in an assertion"
