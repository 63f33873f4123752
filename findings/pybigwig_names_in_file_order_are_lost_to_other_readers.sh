#!/usr/bin/env bash
# Guess: a bigWig may list its contigs in any order, so pyBigWig's addHeader takes them as the assembly has
# them, and every reader finds every contig, however many there are.
# Seen (pyBigWig 0.3.29, bx-python 0.15.1): the tree of names is searched by halves, and pyBigWig writes it in
# the order given. Up to 32,767 names it is one level and nothing shows; from 32,768 on it has two, and
# another reader goes down the wrong half: bx-python gives no data for a quarter of the contigs, and no error.
# pyBigWig reads all of them back, since it loads the whole tree, so a round trip through it proves nothing.
# With the names sorted both find all.
# It matters here: draft assemblies and metagenomes have such numbers of contigs. Tracks are written in the
# order of names (hnet_seq/tasks/segmentation/bigwig.py).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyBigWig==0.3.29 bx-python==0.15.1 numpy==2.4.6
cat > "$work/seen.py" <<'PY'
import sys
from importlib.metadata import version

import pyBigWig
from bx.bbi.bigwig_file import BigWigFile

for package in ("pyBigWig", "bx-python"):
    print(package, version(package))


def lost(count: int, in_order: bool) -> tuple[int, int]:
    """Of 64 contigs among so many, those without a value to pyBigWig and to bx-python."""
    names = [f"contig_{number}" for number in range(count)]
    asked = names[:: count // 64][:64]
    if in_order:
        names.sort()
    path = f"{sys.argv[1]}/track.bw"
    track = pyBigWig.open(path, "w")
    track.addHeader([(name, 100) for name in names])
    track.addEntries(names, [0] * count, ends=[10] * count, values=[1.0] * count)
    track.close()
    own = pyBigWig.open(path)
    missed = sum(own.values(name, 0, 1) != [1.0] for name in asked)
    with open(path, "rb") as file:
        other = BigWigFile(file)
        missed_by_other = sum(not other.get(name.encode(), 0, 10) for name in asked)
    print(f"{count:,} names, sorted {in_order}: of 64 pyBigWig misses {missed}, bx-python {missed_by_other}", flush=True)
    return missed, missed_by_other


assert lost(32_767, False) == (0, 0)
own, other = lost(32_768, False)
assert own == 0 and 8 <= other <= 24, other
assert lost(32_768, True) == (0, 0)
PY
"$work/venv/bin/python" "$work/seen.py" "$work"
echo "as written above: names out of order are lost to another reader"
