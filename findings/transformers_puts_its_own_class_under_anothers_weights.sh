#!/usr/bin/env bash
# Guess: a checkpoint whose config.json says that its authors' code belongs to it (auto_map) is refused by
# transformers unless that code may run; and weights that the class does not have, or lacks, are an error.
# Seen (transformers 5.24.0): where model_type is one of its own, AutoModel takes its own class without a word,
# with trust_remote_code=False and with nothing said; a layer that the file lacks gets random weights, and a layer
# that the class lacks is left aside, both with no more than a note that goes to the log.
# It matters here: vectors of such a model would stand in a table under the name of another network. So
# hnet_seq/peers/files.py refuses every auto_map, and reads what from_pretrained says of the weights.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 torch==2.13.0
cat > "$work/seen.py" <<'PY'
import json
import sys
from pathlib import Path

import transformers

transformers.utils.logging.set_verbosity_error()
folder = Path(sys.argv[1])
shape = {"vocab_size": 9, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
model = transformers.BertForMaskedLM(transformers.BertConfig(**shape, num_hidden_layers=2))
model.save_pretrained(folder)
file = folder / "config.json"
plain = json.loads(file.read_text())
(folder / "modeling_own.py").write_text("raise SystemExit('the authors code ran')\n")
own = {"auto_map": {"AutoModelForMaskedLM": "modeling_own.OwnForMaskedLM"}}
file.write_text(json.dumps(plain | own))
load = transformers.AutoModelForMaskedLM.from_pretrained
for options in ({}, {"trust_remote_code": False}):
    found = load(folder, local_files_only=True, **options)
    print("auto_map,", options or "nothing said", "->", type(found).__name__)
    assert type(found) is transformers.BertForMaskedLM
for layers in (3, 1):
    file.write_text(json.dumps(plain | {"num_hidden_layers": layers}))
    found, said = load(folder, local_files_only=True, output_loading_info=True)
    print(layers, "layers of 2:", len(said["missing_keys"]), "weights drawn,", end=" ")
    print(len(said["unexpected_keys"]), "left aside, no error")
    assert (len(said["missing_keys"]) > 0) is (layers == 3)
    assert (len(said["unexpected_keys"]) > 0) is (layers == 1)
PY
"$work/venv/bin/python" "$work/seen.py" "$work/model"
echo "as written above: its own class without a word, missing weights drawn at random"
