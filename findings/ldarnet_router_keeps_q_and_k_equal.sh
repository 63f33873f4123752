#!/usr/bin/env bash
# Guess: the two projections of LDARNet's router start as the identity, as H-Net's do, and training
# makes two of them.
# Seen (darlednik/ICML-LDARNet at f247d59): its cosine is the mean of both orders, in which q and k can
# change places. Their gradients are equal, AdamW treats them alike, and they are one matrix, bit for
# bit, after any number of steps. A letter whose vector is its predecessor's then never begins a chunk,
# whatever the matrix: its cosine with itself is 1.
# It matters here: our bidirectional router is symmetric in the same way, and starts with noise on both
# (docs/bidirectional.md). In the released file the two should be equal but for rounding on a GPU.
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
import torch.nn.functional as F
from released_parity import LDAR_2M, prepare

work = Path(sys.argv[1])
prepare(work, str(work / "site"))
from ldar.models import AttnConfig, LDarConfig, LDarForMaskedLM, SSMConfig
from ldar.utils.train import load_balancing_loss

parts = {"ssm_cfg": SSMConfig(**LDAR_2M["ssm_cfg"]), "attn_cfg": AttnConfig(**LDAR_2M["attn_cfg"])}
torch.manual_seed(0)
config = LDarConfig(**(LDAR_2M | parts | {"arch_layout": ["m1", ["M1"], "m1"]}))
model = LDarForMaskedLM(config)
model.init_weights()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for _ in range(5):
    ids = torch.randint(0, 4, (2, 24))
    out = model(ids, attention_mask=torch.ones_like(ids))
    loss = F.cross_entropy(out.logits.flatten(0, 1), ids.flatten())
    loss = loss + 0.03 * load_balancing_loss(out.bpred_output[0], 4.0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
router = model.backbone.routing_module
q, k = router.q_proj_layer.weight, router.k_proj_layer.weight
moved = (q - torch.eye(len(q))).abs().max().item()
print(f"after 5 steps q is {moved:.1e} from the identity, and equal to k: {torch.equal(q, k)}")
assert moved > 1e-3
assert torch.equal(q, k)
PY
echo "as written above: one matrix under two names"
