#!/usr/bin/env bash
# Guess: bigBed keeps the further columns of a row as one text with tabs between them, and a name may hold
# blanks (the BED specification of GA4GH allows them), so pybigtools' records() parts that text at tabs: of
# a row of six columns it gives start, end and three values, the last of which is the strand.
# Seen (pybigtools 0.3.0): it parts at every blank. A name of two words is two values, and what follows moves
# by one: at the strand's place stands the score. Nothing is said; rows with names of one word are right, so
# a look at the first rows shows nothing. pyBigWig 0.3.29 gives the text of the same file whole, tabs and all,
# so it is the reader that parts, not the file.
# It matters here: `embed` and `score` read the strand of each row. bigBed is read with pyBigWig
# (pipelines/formats/bigbed.py).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pybigtools==0.3.0 pyBigWig==0.3.29 numpy==2.4.6
cat > "$work/seen.py" <<'PY'
import sys
from importlib.metadata import version

import pyBigWig
import pybigtools

for package in ("pybigtools", "pyBigWig"):
    print(package, version(package))
path = f"{sys.argv[1]}/genes.bb"
rows = [("chr1", 10, 20, "thrA\t960\t-"), ("chr1", 30, 40, "heat shock protein\t500\t-")]
pybigtools.open(path, "w").write({"chr1": 1000}, iter(rows))
parted = list(pybigtools.open(path).records("chr1"))
whole = pyBigWig.open(path).entries("chr1", 0, 1000)
for one, other in zip(parted, whole):
    print("pybigtools", one, "| pyBigWig", other)
assert parted[0] == (10, 20, "thrA", "960", "-")
assert parted[1] == (30, 40, "heat", "shock", "protein", "500", "-")
assert whole[1] == (30, 40, "heat shock protein\t500\t-")
PY
"$work/venv/bin/python" "$work/seen.py" "$work"
echo "as written above: a name of three words moves the strand by two"
