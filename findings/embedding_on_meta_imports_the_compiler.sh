#!/usr/bin/env bash
# Guess: building a module on torch's meta device is the cheap way to have its shape, since nothing is
# computed: an nn.Embedding costs there no more than an nn.Linear, milliseconds.
# Seen (torch 2.13.0): nn.Linear does, but nn.Embedding draws its weights by normal_, which on a meta
# tensor goes through torch._refs and imports torch._dynamo: some hundreds of modules and seconds of
# CPU, about as long as `import torch` itself. The second one is free. Built from a weight that is
# there already (nn.Embedding(n, d, _weight=...)) it imports nothing.
# It matters here: checkpoints are outlined on the meta device before their weights are read, so every
# command that loads one took twice as long to start.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$work/seen.py" <<'PY'
import sys
import time

import torch
from torch import nn

print("torch", torch.__version__)


def built(what: str, build) -> bool:
    modules, start = len(sys.modules), time.process_time()
    with torch.device("meta"):
        build()
    spent = time.process_time() - start
    has = "torch._dynamo" in sys.modules
    print(f"{what}: {spent:.3f} CPU s, {len(sys.modules) - modules} modules imported, dynamo: {has}")
    return has


assert not built("nn.Linear", lambda: nn.Linear(8, 8))
assert not built(
    "nn.Embedding of a given weight",
    lambda: nn.Embedding(8, 8, _weight=torch.empty(8, 8, device="meta")),
)
assert built("nn.Embedding", lambda: nn.Embedding(8, 8))
built("nn.Embedding again", lambda: nn.Embedding(8, 8))
assert torch.__version__.split("+")[0] == "2.13.0"
PY
"$work/venv/bin/python" "$work/seen.py"
echo "as written above: an embedding on the meta device imports the compiler"
