#!/usr/bin/env bash
# Guess: torch.distributed.checkpoint writes the same state to the same place as the same files, so a checkpoint can
# be told from another, deduplicated or compared with a re-run by the sha256 of what it wrote; and a folder that is
# moved says nothing of where it was.
# Seen (torch 2.13.0): the parts (*.distcp) are equal byte for byte, .metadata never is: each save puts a random
# save_id into it, and the path that it was written to, which stays after the folder is moved.
# It matters here: a run that was stopped and went on must leave what one that was never stopped leaves. Checksums
# of .metadata guard against damage only; studies/full_disk_judge.py compares what it says without these two.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$work/seen.py" <<'PY'
import pickle
import shutil
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp

warnings.simplefilter("ignore")
print("torch", torch.__version__)
place = Path(sys.argv[1]) / "checkpoint"


def saved():
    shutil.rmtree(place, ignore_errors=True)
    dcp.save({"weight": torch.ones(3, 4), "step": 7}, checkpoint_id=place, no_dist=True)
    return {path.name: path.read_bytes() for path in place.iterdir()}


one, two = saved(), saved()
for name in sorted(one):
    print(name, "same bytes:", one[name] == two[name])
moved = shutil.move(place, place.with_name("moved"))
told = [pickle.loads(each[".metadata"]) for each in (one, two)]
told.append(pickle.loads((Path(moved) / ".metadata").read_bytes()))
for each in told:
    print("save_id", each.storage_meta.save_id, "written to", Path(each.storage_meta.checkpoint_id).name)
assert torch.__version__.startswith("2.13.0")
assert sorted(one) == sorted(two) == [".metadata", "__0_0.distcp"]
assert one["__0_0.distcp"] == two["__0_0.distcp"]
assert one[".metadata"] != two[".metadata"]
assert told[0].state_dict_metadata == told[1].state_dict_metadata
assert told[0].storage_data == told[1].storage_data
assert told[0].storage_meta.save_id != told[1].storage_meta.save_id
assert Path(told[2].storage_meta.checkpoint_id) == place != Path(moved)
PY
"$work/venv/bin/python" "$work/seen.py" "$work"
echo "as written above: equal parts, metadata that differs each time and keeps the path"
