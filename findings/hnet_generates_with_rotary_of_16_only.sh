#!/usr/bin/env bash
# Guess: the released H-Net code generates with any even number of rotary dimensions, as it reads a
# prompt with any, and without them too.
# Seen (goombalab/hnet at 3673fe1): after the prompt its attention takes another path unless the number
# is a multiple of 16 above 0, and that path asks for an attribute that is never set: AttributeError.
# Shown on their attention layer; flash-attn's functions, which need a GPU, are stand-ins that give
# their first argument back: which path is taken does not depend on what they compute.
# It matters here: the released models have 32, 48 and 64 and are not concerned; a reduced one that
# shall be compared token by token needs multiples of 16 (studies/released_parity.py).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 einops==0.8.1
commit=3673fe1217ebeb0d1438c7c71d58d32bdd190ec2
git clone --quiet --no-checkout --filter=blob:none https://github.com/goombalab/hnet "$work/source"
git -C "$work/source" checkout --quiet "$commit" -- hnet/modules/mha.py hnet/modules/rotary.py
cat > "$work/seen.py" <<'PY'
import sys
from types import SimpleNamespace

import torch


def first(x, *args, **options):
    return x


sys.path.insert(0, sys.argv[1])
for name in ("flash_attn.ops", "flash_attn.ops.triton"):
    sys.modules[name] = SimpleNamespace()
sys.modules["flash_attn.ops.triton.rotary"] = SimpleNamespace(apply_rotary=first)
names = ("kvpacked_func", "qkvpacked_func", "varlen_kvpacked_func", "varlen_qkvpacked_func", "with_kvcache")
sys.modules["flash_attn"] = SimpleNamespace(**{f"flash_attn_{name}": first for name in names})
from hnet.modules.mha import CausalMHA

print("torch", torch.__version__, "hnet", sys.argv[2][:7])


@torch.inference_mode()
def goes_on(rotary: int) -> str:
    layer = CausalMHA(64, num_heads=1, rotary_emb_dim=rotary, layer_idx=0)
    layer.inner_cross_attn.forward = first  # theirs asserts that it is on a GPU
    cache = SimpleNamespace(max_batch_size=1, max_seqlen=8, seqlen_offset=0, batch_size_offset=0)
    cache.lengths_per_sample, cache.key_value_memory_dict = None, {}
    layer(torch.zeros(1, 4, 64), inference_params=cache)
    cache.seqlen_offset = 4
    try:
        layer.step(torch.zeros(1, 1, 64), cache)
    except AttributeError as error:
        return str(error)
    return "goes on"


seen = {rotary: goes_on(rotary) for rotary in (32, 16, 24, 0)}
print(seen)
assert seen[32] == seen[16] == "goes on"
assert "use_flash_attn" in seen[24]
assert "use_flash_attn" in seen[0]
PY
"$work/venv/bin/python" "$work/seen.py" "$work/source" "$commit"
echo "as written above: a step after the prompt needs a multiple of 16"
