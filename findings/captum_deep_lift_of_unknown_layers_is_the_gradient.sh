#!/usr/bin/env bash
# Guess: captum's DeepLift needs a rule for every nonlinearity, so a model whose nonlinear step is no module that
# it knows (a scan, a gate written as x * y, a router) is an error, or at least a warning; and its attributions
# sum to f(input) - f(baseline), which is what the method is chosen for.
# Seen (captum 0.9.0, torch 2.13.0): for x * x in forward() it says nothing of that step and returns gradient x
# (input - baseline), whose sum is twice the change of the output. Only return_convergence_delta=True, off by
# default, tells. IntegratedGradients on the same model sums up right.
# It matters here: H-Net's scan, gates and router are such steps. docs/one_hot.md says what DeepLift means for
# them, and a test holds it to that.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 captum==0.9.0
cat > "$work/seen.py" <<'PY'
import warnings

import captum
import torch
from captum.attr import DeepLift, IntegratedGradients

print("captum", captum.__version__, "torch", torch.__version__)


class Square(torch.nn.Module):
    def forward(self, x):
        return (x * x).sum(1)


x, baseline = torch.tensor([[3.0, 1.0]]), torch.zeros(1, 2)
change = (Square()(x) - Square()(baseline)).item()
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    found = DeepLift(Square()).attribute(x, baseline)
print("f(x) - f(baseline) =", change)
print("DeepLift:", found.tolist(), "sum", found.sum().item(), "warnings", [str(w.message) for w in said])
right = IntegratedGradients(Square()).attribute(x, baseline, n_steps=64)
print("IntegratedGradients:", right.tolist(), "sum", right.sum().item())
_, delta = DeepLift(Square()).attribute(x, baseline, return_convergence_delta=True)
print("convergence delta, when asked for:", delta.item())
assert captum.__version__ == "0.9.0"
assert found.tolist() == [[18.0, 2.0]]  # 2 x * x, the gradient times the input
assert found.sum().item() == 2 * change
assert not [w for w in said if "ule" in str(w.message) and "support" in str(w.message)]
assert abs(right.sum().item() - change) < 1e-4
assert delta.item() == change
PY
"$work/venv/bin/python" "$work/seen.py"
echo "as written above: no error, and a sum that is twice the change"
