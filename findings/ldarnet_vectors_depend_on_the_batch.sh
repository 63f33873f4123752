#!/usr/bin/env bash
# Guess: LDARNet takes a mask of padding and applies it before and after each scan, so that a sequence
# has the same vectors alone and in a batch, and surely in a batch of sequences as long as itself.
# Seen (darlednik/ICML-LDARNet at f247d59, mamba-ssm 2.2.5): the scan from the right reads the padding
# first. Its inputs are zeros, but the convolution has a bias: silu(bias) goes into the state and on to
# the letters. Chunks are padded as well, and two sequences of one length rarely have as many of them:
# so vectors differ among them, too. With biases of zero the difference is one of rounding.
# Shown on their model with random weights and without its attention. mamba-ssm's kernels are replaced
# by the references in its own files; written here are causal-conv1d's convolution and flash-attn's norm.
# It matters here: parity is with their code on one sequence at a time, which is what this package
# computes for each in any batch; their padded batches have no values of their own to compare with.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 einops==0.8.1 optree==0.20.0 packaging==25.0
commit=f247d595e76695e7a55311f965a90df4ca4276b0 mamba=e0761ece1db07e0949dd88b4f4cd440420a19fd9
git clone --quiet --no-checkout --filter=blob:none https://github.com/darlednik/ICML-LDARNet "$work/ldar"
git -C "$work/ldar" checkout --quiet "$commit" -- ldar/models ldar/modules
git clone --quiet --no-checkout --filter=blob:none https://github.com/state-spaces/mamba "$work/mamba"
git -C "$work/mamba" checkout --quiet "$mamba" -- mamba_ssm/modules/mamba2.py mamba_ssm/ops mamba_ssm/utils/torch.py
cat > "$work/seen.py" <<'PY'
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import torch
import torch.nn.functional as F
from torch import nn

sys.path += sys.argv[1:3]


class RMSNorm(nn.RMSNorm):
    def forward(self, x, residual=None, prenorm=False, residual_in_fp32=False):
        x = x if residual is None else x + residual
        return (super().forward(x), x) if prenorm else super().forward(x)


def convolution(x, weight, bias, activation):
    assert activation == "silu"
    return F.silu(F.conv1d(F.pad(x, (weight.shape[1] - 1, 0)), weight[:, None], bias, groups=len(weight)))


unused = "triton triton.language selective_scan_cuda flash_attn flash_attn.ops.triton.rotary"
unused += " mamba_ssm.ops.triton.layer_norm"
unused += " mamba_ssm.distributed.tensor_parallel mamba_ssm.distributed.distributed_utils"
sys.modules |= {name: MagicMock(__version__="3.0") for name in unused.split()}
sys.modules["huggingface_hub"] = SimpleNamespace(PyTorchModelHubMixin=object)
sys.modules["flash_attn.ops.triton.layer_norm"] = SimpleNamespace(RMSNorm=RMSNorm)
sys.modules["flash_attn.ops.activations"] = SimpleNamespace(swiglu=lambda x, y: F.silu(x) * y)
from mamba_ssm.ops import selective_scan_interface
from mamba_ssm.ops.triton import layernorm_gated, ssd_combined

selective_scan_interface.selective_scan_fn = selective_scan_interface.selective_scan_ref
ssd_combined.causal_conv1d_fn, ssd_combined.rmsnorm_fn = convolution, layernorm_gated.rms_norm_ref
ssd_combined.mamba_split_conv1d_scan_combined = (
    lambda *args, seq_idx, **options: ssd_combined.mamba_split_conv1d_scan_ref(*args, **options)
)
ssd_combined.mamba_chunk_scan_combined = (
    lambda *args, chunk_size, seq_idx: ssd_combined.ssd_selective_scan(*args)
)
from ldar.models import AttnConfig, LDarConfig, LDarForMaskedLM, SSMConfig

print("torch", torch.__version__, "ICML-LDARNet", sys.argv[3][:7], "mamba", sys.argv[4][:7])
torch.manual_seed(0)
parts = SSMConfig(d_state=16), AttnConfig([1, 1], [0, 0], [-1, -1])
config = LDarConfig(["m2", ["M2"], "m2"], [64, 128], [0, 384], 7, *parts)
model = LDarForMaskedLM(config).eval()
chunks = []
model.backbone.chunk_layer.register_forward_hook(lambda *seen: chunks.append(seen[2][3].sum(1).tolist()))


@torch.inference_mode()
def moved(other: int) -> float:
    """How far vectors of 24 letters, and of ``other`` ones beside them, are from those alone."""
    lengths = [24, other]
    ids = torch.randint(0, 4, (2, max(lengths)), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(ids.shape[1]) < torch.tensor(lengths)[:, None]
    beside = model(ids.where(mask, 6), attention_mask=mask).last_hidden_state
    print(f"beside {other} letters: chunks {chunks[-1]}", end=", ")
    far = []
    for row, n in enumerate(lengths):
        own = ids[row : row + 1, :n]
        alone = model(own, attention_mask=torch.ones_like(own)).last_hidden_state[0]
        far.append((alone - beside[row, :n]).abs().max().item())
    print(f"vectors move by {max(far):.1e}")
    return max(far)


longer, as_long = moved(40), moved(24)
for name, parameter in model.named_parameters():
    if name.endswith("conv1d.bias"):
        nn.init.zeros_(parameter)
print("with biases of zero,", end=" ")
without = moved(40)
assert min(longer, as_long) > 1e-3 > 1e-4 > without
PY
"$work/venv/bin/python" "$work/seen.py" "$work/ldar" "$work/mamba" "$commit" "$mamba"
echo "as written above: padding, of chunks too, leaves a trace in LDARNet's vectors"
