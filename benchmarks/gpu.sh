#!/usr/bin/env bash
# Install carried wheels on a machine without a network, then check and time (benchmarks/gpu.py).
#   benchmarks/gpu.sh WHEELS [OUT] [arguments of gpu.py]
# WHEELS: a folder of .whl files, or - for none; torch and Triton are the machine's own.
set -euo pipefail
cd "$(dirname "$0")/.."
wheels=${1:?usage: benchmarks/gpu.sh WHEELS [OUT] [arguments of gpu.py]}
out=${2:-runs/gpu}
shift $(($# > 1 ? 2 : 1))
python=${PYTHON:-python3}
if [ "$wheels" != - ]; then
    site=$(mktemp -d)
    # Beside the machine's packages, not over them: its torch fits its driver.
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
        --disable-pip-version-check --root-user-action=ignore --target "$site" "$wheels"/*.whl
    export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
fi
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONUNBUFFERED=1
mkdir -p "$out"
"$python" benchmarks/gpu.py --out "$out" "$@"
