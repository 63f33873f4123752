#!/usr/bin/env bash
# Guess: LDARNet takes a mask of padding and applies it before and after each scan, so that a sequence
# has the same vectors alone and in a batch, and surely in a batch of sequences as long as itself.
# Seen (darlednik/ICML-LDARNet at f247d59, mamba-ssm 2.2.5): the scan from the right reads the padding
# first. Its inputs are zeros, but the convolution has a bias: silu(bias) goes into the state and on to
# the letters. Chunks are padded as well, and two sequences of one length rarely have as many of them:
# so vectors differ among them, too. With biases of zero the difference is one of rounding.
# It matters here: parity is with their code on one sequence at a time, which is what this package
# computes for each in any batch; their padded batches have no values of their own to compare with.
# From the root of a checkout that has its environment in .venv (PYTHON=... for another).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-.venv/bin/python}
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/site" einops==0.8.1 optree==0.20.0
PYTHONPATH=.:studies "$python" - "$work" <<'PY'
import sys
from pathlib import Path

import torch
from released_parity import LDAR_2M, fill, prepare

work = Path(sys.argv[1])
prepare(work, str(work / "site"))
from ldar.models import AttnConfig, LDarConfig, LDarForMaskedLM, SSMConfig
from ldar.modules import mha

mha._flash_compute_dtype = lambda device: torch.float32
parts = {"ssm_cfg": SSMConfig(**LDAR_2M["ssm_cfg"]), "attn_cfg": AttnConfig(**LDAR_2M["attn_cfg"])}
model = LDarForMaskedLM(LDarConfig(**(LDAR_2M | parts))).eval()
with torch.no_grad():
    fill(model, 1)


@torch.inference_mode()
def moved(other: int) -> float:
    """How far vectors of 24 letters, and of ``other`` ones beside them, are from those alone."""
    lengths = [24, other]
    ids = torch.randint(0, 4, (2, max(lengths)), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(ids.shape[1]) < torch.tensor(lengths)[:, None]
    beside = model(ids.where(mask, 6), attention_mask=mask).last_hidden_state
    far = []
    for row, n in enumerate(lengths):
        own = ids[row : row + 1, :n]
        alone = model(own, attention_mask=torch.ones_like(own)).last_hidden_state[0]
        far.append((alone - beside[row, :n]).abs().max().item())
    return max(far)


longer, as_long = moved(40), moved(24)
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if name.endswith("conv1d.bias"):
            parameter.zero_()
without = moved(40)
print(f"beside 40 letters {longer:.1e}, beside 24 {as_long:.1e}; 40, without bias {without:.1e}")
assert min(longer, as_long) > 1e-3 > 1e-4 > without
PY
echo "as written above: padding, of chunks too, leaves a trace in LDARNet's vectors"
