"""What ``hnet-seq audit`` and seqleak find in the same sets: the table of docs/audit.md.

Labelled sets that are given, and ten made here from the genome of examples/data with one fault
planted in each. seqleak (Tomar, PyPI) is imported from a folder of its own:

    pip install --no-deps --target PEER seqleak==0.4.1
    python studies/audit_peer.py --peer PEER --into docs/audit.md uci_splice.tsv.gz ...
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from audit_peer_sets import GENOME, MADE, made_set, rewritten

from hnet_seq.results.audited import Audited

BEGIN, END = "<!-- studies/audit_peer.py -->\n", "<!-- end -->\n"
#: What says the same here as a check of seqleak's.
SAME = {
    "overlap.exact": {"leak"},
    "overlap.near": {"leak", "homology"},
    "overlap.windows": {"windows", "leak", "homology"},
    "overlap.homology": {"homology", "leak"},
    "shortcut.length": {"shortcut"},
    "shortcut.ambiguous": {"shortcut"},
    "shortcut.case": {"shortcut"},
    "shortcut.composition": {"shortcut", "words"},
    "shortcut.kmer": {"words"},
    "shortcut.position_motif": {"places"},
    "shortcut.anchored_motif": {"places"},
    "shortcut.lowinfo": {"unknown"},
    "construction.shuffle": {"negatives", "twins"},
    "construction.segment": {"negatives", "twins"},
    "construction.synthetic_negatives": {"negatives"},
    "construction.genome_membership": {"genome"},
    "construction.unmatched_site": {"places"},
    "construction.library": {"segments"},
}
_MARKS = {"high": "**", "medium": "", "low": ""}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="PATH", help="labelled sets, CSV or TSV")
    parser.add_argument("--peer", required=True, metavar="FOLDER", help="that holds seqleak")
    parser.add_argument("--into", metavar="FILE", help="page whose table is replaced")
    args = parser.parse_args()
    lines = [
        "| set | seqleak 0.4.1 | hnet-seq audit | CPU s | not found here |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sets = [(Path(path).parent.name, rewritten(Path(path), place)) for path in args.tables]
        sets += [(name, made_set(name, place)) for name in MADE]
        for name, table in sets:
            with_genome = name in MADE
            theirs, their_seconds = peer(table, Path(args.peer), place, with_genome)
            ours, our_seconds = own(table, place, with_genome)
            lines.append(_row(name, theirs, ours, their_seconds, our_seconds))
            print(lines[-1], flush=True)
    if args.into:
        page = Path(args.into)
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text("".join([before, BEGIN, "\n".join(lines), "\n", END, after]))


def peer(table: Path, where: Path, place: Path, with_genome: bool) -> tuple[dict[str, str], float]:
    """Checks that warn or fail, and CPU seconds."""
    out = place / "peer.json"
    words = ["-m", "seqleak", "audit", "--data", table, "--out", out, "--quiet"]
    words += ["--genome", GENOME] if with_genome else []
    env = {**os.environ, "PYTHONPATH": f"{where}", "OMP_NUM_THREADS": "1"}
    seconds = _run([sys.executable, *map(str, words)], env)
    checks: dict[str, dict[str, Any]] = json.loads(out.read_text())["checks"]
    found = {name: each["status"] for name, each in checks.items()}
    return {name: said for name, said in found.items() if said in ("WARN", "FAIL")}, seconds


def own(table: Path, place: Path, with_genome: bool) -> tuple[list[dict[str, str]], float]:
    """Findings, and CPU seconds."""
    words = ["-m", "hnet_seq.cli", "audit", table, "--out", place / "own"]
    words += ["--genome", GENOME] if with_genome else []
    seconds = _run([sys.executable, *map(str, words)], {**os.environ, "OMP_NUM_THREADS": "1"})
    found = Audited.read(place / "own" / "audit.json")
    return [dict(each) for each in found.findings], seconds  # type: ignore[arg-type]


def _run(words: list[str], env: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _row(name: str, theirs: dict[str, str], ours: list[dict[str, str]], *seconds: float) -> str:
    kinds: dict[str, str] = {}
    for each in ours:
        kinds.setdefault(each["kind"], each["severity"])
    missing = [check for check in theirs if not SAME.get(check, set()) & kinds.keys()]
    said = [f"**{check}**" if status == "FAIL" else check for check, status in theirs.items()]
    own_said = [f"{_MARKS[severity]}{kind}{_MARKS[severity]}" for kind, severity in kinds.items()]
    cost = " / ".join(f"{each:.0f}" for each in seconds)
    return (
        f"| {name} | {', '.join(said) or 'nothing'} | {', '.join(own_said) or 'nothing'} | {cost} "
        f"| {', '.join(missing) or 'nothing'} |"
    )


if __name__ == "__main__":
    csv.field_size_limit(1 << 28)
    main()
