#!/usr/bin/env bash
# Guess: torch.distributed.checkpoint raises errors like any library, so `except Exception` around load() is
# enough to say "this checkpoint cannot be read, take an older one", and KeyError or RuntimeError is what
# comes of a tensor that is not in it, in one process as in many.
# Seen (torch 2.13.0): load() wraps what went wrong on each rank in CheckpointException, which derives from
# BaseException, beside KeyboardInterrupt: it passes `except Exception`, and ends the program. So it does in
# one process without a process group (no_dist=True). What really happened is a value of `.failures`, by rank.
# It matters here: a fallback to an older checkpoint never ran, and one missing file was 64 lines of
# traceback. Restarts catch it by name now.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$work/seen.py" <<'PY'
import sys
import warnings

import torch
import torch.distributed.checkpoint as dcp

warnings.simplefilter("ignore")
print("torch", torch.__version__)
dcp.save({"kept": torch.zeros(3)}, checkpoint_id=sys.argv[1], no_dist=True)
caught = []
try:
    try:
        dcp.load({"missing": torch.zeros(3)}, checkpoint_id=sys.argv[1], no_dist=True)
    except Exception as error:
        caught.append(("Exception", error))
except BaseException as error:
    caught.append(("BaseException", error))
((clause, error),) = caught
print(f"caught by `except {clause}`: {[kind.__name__ for kind in type(error).__mro__]}")
print({rank: repr(failure[0]) for rank, failure in error.failures.items()})
assert clause == "BaseException"
assert not isinstance(error, Exception)
assert list(error.failures) == [0]
assert torch.__version__.split("+")[0] == "2.13.0"
PY
"$work/venv/bin/python" "$work/seen.py" "$work/checkpoint"
echo "as written above: a failed load is no Exception"
