#!/usr/bin/env bash
# Guess: a layer that PEFT adapted in place of a Linear either has no `weight`, or one with the adapter in it; so
# code that reads `layer.weight` and hands it to a kernel fails, or is right.
# Seen (peft 0.21.2): `weight` is that of the layer beneath, without the adapter and without a warning: a kernel
# that takes it computes the model as if nothing had been adapted, while the same code through `layer(x)` learns.
# It matters here: a Mamba-2 layer runs in one kernel of its two weights where no gradient is wanted, so an adapter
# would learn in training and be gone in evaluation. So hnet_seq/model/linear.py asks whether a projection is its
# weight and no more, and our own adapters are parametrisations, whose `weight` is the sum.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check peft==0.21.2 torch==2.13.0
cat > "$work/seen.py" <<'PY'
import peft
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 4, bias=False))
before = model[0].weight.detach().clone()
config = peft.LoraConfig(r=2, target_modules=["0"], init_lora_weights=False)
layer = peft.get_peft_model(model, config).base_model.model[0]
x = torch.randn(1, 4)
print(type(layer).__name__, "weight is the one beneath:", torch.equal(layer.weight, before))
print("layer(x) is x @ weight.T:", torch.allclose(layer(x), x @ layer.weight.T))
assert torch.equal(layer.weight, before)
assert not torch.allclose(layer(x), x @ layer.weight.T)
PY
"$work/venv/bin/python" "$work/seen.py"
echo "as written above: weight is without the adapter"
