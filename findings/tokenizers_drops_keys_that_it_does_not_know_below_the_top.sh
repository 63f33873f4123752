#!/usr/bin/env bash
# Guess: the loader of tokenizer.json treats a key that it does not know alike everywhere: it refuses it, or it
# keeps it; so notes on a tokenizer (where it is from, how exact it is) can be written at the top, where a
# reader of the file looks first, and are still there after load and save.
# Seen (tokenizers 0.23.3): at the top level such a key is an error of syntax; inside `model` it is dropped
# without a word, and gone from what is saved again.
# It matters here: `hnet-seq lexicon` says in its tokenizer files how often a tokenizer gives the chunks back.
# The note lies inside `model`, so that the file loads, and whoever saves it again loses it: docs/lexicon.md.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
cat > "$work/seen.py" <<'PY'
import json

import tokenizers
from tokenizers import Tokenizer, models

print("tokenizers", tokenizers.__version__)
plain = json.loads(Tokenizer(models.WordLevel({"A": 0, "C": 1}, unk_token="A")).to_str())
try:
    Tokenizer.from_str(json.dumps(plain | {"note": "mine"}))
    at_top = "accepted"
except Exception as error:
    at_top = f"{type(error).__name__}: {error}"
inside = plain | {"model": plain["model"] | {"note": "mine"}}
again = json.loads(Tokenizer.from_str(json.dumps(inside)).to_str())
print("at the top:", at_top)
print("inside model, after load and save:", sorted(again["model"]))
assert tokenizers.__version__ == "0.23.3"
assert at_top.startswith("Exception: expected")
assert again == plain
PY
"$work/venv/bin/python" "$work/seen.py"
echo "as written above: refused at the top, dropped inside"
