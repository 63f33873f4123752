#!/usr/bin/env bash
# Guess: a FASTA that Biopython's own bgzip writer compressed is fetched from by pyfaidx, which reads bgzip
# through the same Biopython module, at any base.
# Seen (pyfaidx 0.9.2.2, Biopython 1.88): BgzfWriter fills its blocks to 65,536 bytes, the most that the
# format allows; bgzip of htslib stops at 65,280. A base that lies on the first byte of a later block is
# given the offset 65,536 in the block before, which does not fit into a virtual offset: fetching from that
# base raises ValueError. One base in 65,536 bytes is hit, so random tests pass; the whole record and every
# other start are right, and with blocks of 65,280 bytes all starts are.
# It matters here: genomes that a Python script compressed fail at few windows, hours into a run. Such files
# are read whole instead of through their index (pipelines/formats/indexed_fasta.py).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyfaidx==0.9.2.2 biopython==1.88 numpy==2.4.6
cat > "$work/seen.py" <<'PY'
import random
import sys
from importlib.metadata import version

from Bio import bgzf
from pyfaidx import Fasta

for package in ("pyfaidx", "biopython"):
    print(package, version(package))
random.seed(0)
letters = "".join(random.choices("ACGT", k=400_000))
text = ">one\n" + "".join(f"{letters[at : at + 60]}\n" for at in range(0, len(letters), 60))


def on_an_edge(size: int) -> list[int]:
    """The bases on the first byte of a later block of this size, lines' first and ends apart."""
    edges = range(size, len(text), size)
    return [(edge - 5) // 61 * 60 + (edge - 5) % 61 for edge in edges if 0 < (edge - 5) % 61 < 60]


for size in (65_280, 65_536):
    path = f"{sys.argv[1]}/blocks_of_{size}.fa.gz"
    with bgzf.BgzfWriter(path, "wb") as file:
        for start in range(0, len(text), size):
            file.write(text[start : start + size].encode())
            file.flush()
    genome = Fasta(path)
    assert genome["one"][:].seq == letters
    failed = {}
    edges = on_an_edge(size)
    for start in sorted({*edges, *(edge + 1 for edge in edges), *range(0, 400_000, 997)}):
        try:
            assert genome["one"][start : start + 200].seq == letters[start : start + 200]
        except ValueError as error:
            failed[start] = str(error)
    print(f"blocks of {size:,} bytes: whole record right, starts that fail: {failed}")
    assert sorted(failed) == ([] if size == 65_280 else edges)
with bgzf.BgzfWriter(f"{sys.argv[1]}/as_it_comes.fa.gz", "wb") as file:
    file.write(text.encode())
with open(f"{sys.argv[1]}/as_it_comes.fa.gz", "rb") as file:
    longest = max(block[3] for block in bgzf.BgzfBlocks(file))
print(f"blocks as BgzfWriter makes them: {longest:,} bytes")
assert longest == 65_536
PY
"$work/venv/bin/python" "$work/seen.py" "$work"
echo "as written above: the base on a block's first byte cannot be fetched"
