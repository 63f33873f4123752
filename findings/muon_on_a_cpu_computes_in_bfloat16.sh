#!/usr/bin/env bash
# Guess: torch.optim.Muon orthogonalises the gradient of an fp32 matrix in fp32 on a CPU, so that its
# update is orthogonal to fp32 rounding, and its cost is that of the matrix products it makes.
# Seen (torch 2.13.0): the Newton-Schulz iteration runs in bfloat16 whatever the type and device of the
# parameter. Every entry of the update is a bfloat16 number, and on a processor without bfloat16
# products a step takes many times the fp32 products it stands for. There is no option for it.
# It matters here: Muon is one of the usual levers at small budgets, and this library trains on CPUs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import time

import torch

torch.manual_seed(0)
torch.set_num_threads(1)
print("torch", torch.__version__)
weight = torch.nn.Parameter(torch.zeros(256, 1024))
weight.grad = torch.randn_like(weight)
optimizer = torch.optim.Muon([weight], lr=1.0, weight_decay=0.0, momentum=0.0, nesterov=False)
optimizer.step()
update = weight.detach()


def is_bfloat16(values: torch.Tensor) -> bool:
    """Up to one common factor, the adjusted rate: ratios to the largest entry are coarse."""
    ratios = (values / values.abs().max()).flatten()
    return len(ratios.unique()) < 0.05 * ratios.numel()


print("distinct entries of the update:", len(update.unique()), "of", update.numel())
reference = torch.randn_like(update)
print("distinct entries of an fp32 matrix:", len(reference.unique()), "of", reference.numel())


def newton_schulz(x: torch.Tensor) -> torch.Tensor:
    a, b, c = 3.4445, -4.775, 2.0315
    x = x / x.norm()
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def seconds(action) -> float:
    action()
    times = []
    for _ in range(3):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return sorted(times)[1]


ratio = seconds(optimizer.step) / seconds(lambda: newton_schulz(weight.grad))
print(f"a step takes {ratio:.1f} times the same products in fp32 on this machine")
assert torch.__version__.split("+")[0] == "2.13.0"
assert is_bfloat16(update) and not is_bfloat16(reference)
PY
echo "as written above: Muon computes in bfloat16 on a CPU"
