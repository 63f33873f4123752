#!/usr/bin/env bash
# Guess: a dinucleotide shuffle that "at uniform selects transitions" draws from all sequences that have the same
# first and last letter and the same dinucleotides, each as likely; that is what makes it a null for motif scores
# and attributions.
# Seen (tangermeme 1.6.0): every shuffle keeps the step by which each letter is left for the last time in the given
# sequence. So of 24 and of 108 possible sequences only 6 and 4 are ever drawn, in 20,000 draws each; dinucleotide
# counts are right. Uniform drawing has to draw these last steps too (Altschul and Erickson 1985).
# It matters here: controls of explain, boundaries and lexicon are shuffled sequences. hnet_seq/analysis/shuffle.py
# draws the last steps as well, and tests/analysis/test_shuffle.py holds its draws to all sequences that there are.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 tangermeme==1.6.0
cat > "$work/seen.py" <<'PY'
from collections import Counter
from importlib.metadata import version
from itertools import pairwise

import torch
from tangermeme.ersatz import dinucleotide_shuffle

print("tangermeme", version("tangermeme"))


def grown(walk, left):
    """All walks that use each step that is left."""
    if not +left:
        return {walk}
    ways = [step for step, count in left.items() if count and step[0] == walk[-1]]
    return set().union(*(grown(walk + step[1], left - Counter([step])) for step in ways))


def last_steps(text):
    return {one: other for one, other in pairwise(text)}


for text in ("ACAGATACGT", "ACGACTCAGGTA"):
    possible = grown(text[0], Counter(map("".join, pairwise(text))))
    tokens = torch.tensor(["ACGT".index(letter) for letter in text])
    one_hot = torch.nn.functional.one_hot(tokens, 4).T[None].float()
    shuffled = dinucleotide_shuffle(one_hot, n=20_000, random_state=0)[0].argmax(1)
    drawn = {"".join("ACGT"[token] for token in row) for row in shuffled.tolist()}
    kept = {walk for walk in possible if last_steps(walk) == last_steps(text)}
    print(text, "possible:", len(possible), "drawn:", len(drawn), "with its last steps:", len(kept))
    assert drawn == kept
    assert (len(possible), len(drawn)) == {"ACAGATACGT": (24, 6), "ACGACTCAGGTA": (108, 4)}[text]
PY
"$work/venv/bin/python" "$work/seen.py"
echo "as written above: only the sequences that keep each letter's last step"
