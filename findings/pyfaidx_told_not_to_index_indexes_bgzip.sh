#!/usr/bin/env bash
# Guess: Fasta(path, build_index=False, rebuild=False) writes no file: without an index it raises
# IndexNotFoundError, so a read-only check of somebody else's genome folder leaves it as it was.
# Seen (pyfaidx 0.9.2.2): so it is for plain FASTA. For bgzip without `.gzi` both arguments are passed over:
# `.gzi` and `.fai` appear beside the file and nothing is raised, and a `.fai` that samtools wrote is
# written again, though only `.gzi` was missing.
# It matters here: genome folders are shared, and their indexes belong to their owners. pyfaidx is asked
# only after both files were found (pipelines/formats/indexed_fasta.py).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyfaidx==0.9.2.2 biopython==1.88 numpy==2.4.6
cat > "$work/seen.py" <<'PY'
import os
import sys
from importlib.metadata import version
from pathlib import Path

from Bio import bgzf
from pyfaidx import Fasta, IndexNotFoundError

print("pyfaidx", version("pyfaidx"))
TEXT = ">a\nACGTACGT\n>b\nGGCC\n"


def files_after(name: str, kept: tuple[str, ...] = ()) -> tuple[list[str], bool, bool]:
    """Names in a new folder after a look at NAME there, whether it raised, whether `.fai` was written anew."""
    folder = Path(sys.argv[1], f"{name}{len(kept)}")
    folder.mkdir()
    path = folder / name
    if name.endswith(".gz"):
        with bgzf.BgzfWriter(str(path), "wb") as file:
            file.write(TEXT.encode())
    else:
        path.write_text(TEXT)
    index = Path(f"{path}.fai")
    if kept:
        index.write_text("a\t8\t3\t8\t9\nb\t4\t15\t4\t5\n")
        os.utime(index, (2_000_000_000, 2_000_000_000))  # newer than the file
    raised = False
    try:
        Fasta(str(path), build_index=False, rebuild=False)
    except IndexNotFoundError:
        raised = True
    anew = bool(kept) and index.stat().st_mtime != 2_000_000_000
    seen = sorted(os.listdir(folder)), raised, anew
    print(f"{name}, {'its .fai there' if kept else 'no index'}: {seen[0]}, raised {raised}, .fai anew {anew}")
    return seen


assert files_after("g.fa") == (["g.fa"], True, False)
assert files_after("g.fa", (".fai",)) == (["g.fa", "g.fa.fai"], False, False)
assert files_after("g.fa.gz") == (["g.fa.gz", "g.fa.gz.fai", "g.fa.gz.gzi"], False, False)
assert files_after("g.fa.gz", (".fai",)) == (["g.fa.gz", "g.fa.gz.fai", "g.fa.gz.gzi"], False, True)
PY
"$work/venv/bin/python" "$work/seen.py" "$work"
echo "as written above: bgzip is indexed although both arguments forbid it"
