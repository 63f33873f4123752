#!/usr/bin/env bash
# Guess: the two projections of LDARNet's router start as the identity, as H-Net's do, and training
# makes two of them.
# Seen (darlednik/ICML-LDARNet at f247d59): its cosine is the mean of both orders, in which q and k can
# change places. Their gradients are equal, AdamW treats them alike, and they are one matrix, bit for
# bit, after any number of steps. A letter whose vector is its predecessor's then never begins a chunk,
# whatever the matrix: its cosine with itself is 1. Shown on their router under an embedding; its file
# imports a kernel of mamba-ssm, which the router does not call.
# It matters here: our bidirectional router is symmetric in the same way, and starts with noise on both
# (docs/bidirectional.md). In the released file the two should be equal but for rounding on a GPU.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 einops==0.8.1
commit=f247d595e76695e7a55311f965a90df4ca4276b0
git clone --quiet --no-checkout --filter=blob:none https://github.com/darlednik/ICML-LDARNet "$work/source"
git -C "$work/source" checkout --quiet "$commit" -- ldar/modules/dc.py ldar/modules/utils.py
cat > "$work/seen.py" <<'PY'
import sys
from types import SimpleNamespace

import torch
from torch import nn

sys.path.insert(0, sys.argv[1])
for name in ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.triton"):
    sys.modules[name] = SimpleNamespace()
sys.modules["mamba_ssm.ops.triton.ssd_combined"] = SimpleNamespace(mamba_chunk_scan_combined=None)
from ldar.modules.dc import RoutingModule

print("torch", torch.__version__, "ICML-LDARNet", sys.argv[2][:7])
torch.manual_seed(0)
letters, router = nn.Embedding(4, 64), RoutingModule(64)
q, k = router.q_proj_layer.weight, router.k_proj_layer.weight
assert torch.equal(q, torch.eye(64))
optimizer = torch.optim.AdamW([*letters.parameters(), *router.parameters()], lr=1e-3)
for _ in range(5):
    ids, wanted = torch.randint(4, (2, 24)), torch.rand(2, 24)
    prob = router(letters(ids), mask=torch.ones_like(ids)).boundary_prob[..., 1]
    optimizer.zero_grad()
    (prob - wanted).square().mean().backward()
    assert q.grad.abs().max() > 0
    optimizer.step()
moved = (q - torch.eye(64)).abs().max().item()
print(f"after 5 steps q is {moved:.1e} from the identity, and equal to k: {torch.equal(q, k)}")
again = router(letters(torch.tensor([[0, 0, 3, 3]])), mask=torch.ones(1, 4)).boundary_prob[0, :, 1]
print("probability to begin a chunk in AATT:", [round(p, 6) for p in again.tolist()])
assert moved > 1e-3
assert torch.equal(q, k)
assert max(again[1], again[3]) < 1e-6 < 0.1 < again[2]
PY
"$work/venv/bin/python" "$work/seen.py" "$work/source" "$commit"
echo "as written above: one matrix under two names"
