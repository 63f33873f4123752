"""Scores of edits in repeats of real genomes: one for every spelling, both strands, the inverse.

    python studies/indel_spellings.py data/genomes/*/genome.fna.gz
    python studies/indel_spellings.py genome.fna.gz --edits 100 --long 100      # the default window

Edits of 1 to 30 bases (insertions, deletions, several bases for as many or for others) in runs and
tandem repeats, a tenth elsewhere and a tenth near ends of records, are drawn from each genome in
equal numbers. Each is written in six files of VCF: as far left and as far right as it can be told;
with letters around it, in a row with another allele; as the edit that undoes it, on the genome with
all edits; and both of these on the other strand of the assembly. Each file is scored by itself. A
part of the edits (``--long``) is scored in the default window, the others in one of ``--short``
bases: what differs is how much a model computes. Whatever the window, the windows of all spellings
are compared letter by letter, at the default one too.

Beside that, ``--checked`` edits and as many SNVs are scored from the letters, a window a call: the
windows by what docs/scores.md says, the SNV's as they always were. Largest differences in nats.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from indel_spellings_edits import Edit, Letters, draw, edited, other_strand, row
from numpy.typing import NDArray

from hnet_seq import HNetForCausalLM, score_variants
from hnet_seq.tasks.choices import WINDOW
from hnet_seq.tasks.scoring.variant_windows import Placed, place, windows
from modalities import dna
from pipelines.formats.genome import Genome
from pipelines.formats.variants import Variant, read_variants
from pipelines.storage.files import append_line

Row: TypeAlias = dict[str, Any]

APART = 4 * WINDOW  # bases between two edits, so that no window has two
LIMIT = 1e-4  # nats
_TRANSITION = str.maketrans("ACGT", "GTAC")
_HEADER = ("##fileformat=VCFv4.3", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
# The name of a file, whether it holds the inverse, and whether it is of the other strand.
_FORMS = {
    **{how: (how, False, False) for how in ("left", "right", "padded")},
    "inverse": ("left", True, False),
    "other strand": ("left", False, True),
    "inverse, other strand": ("padded", True, True),
}


class Files:
    """The edits of a genome in every form, as genomes and files of VCF in a folder."""

    def __init__(self, folder: Path, genome: Letters, edits: Sequence[Edit], seed: int) -> None:
        generator = np.random.default_rng(seed)
        undone = edited(genome, edits)
        self.letters: dict[tuple[bool, bool], Letters] = {}
        self.opened: dict[tuple[bool, bool], Genome] = {}
        self.folder = folder
        made = {
            (False, False): (genome, edits),
            (True, False): undone,
            (False, True): other_strand(genome, edits),
            (True, True): other_strand(*undone),
        }
        for key, (letters, _) in made.items():
            path = folder / f"{key}.fa"
            path.write_text("".join(f">{name}\n{own}\n" for name, own in letters.items()))
            self.letters[key], self.opened[key] = letters, Genome(path)
        for name, (how, inverse, other) in _FORMS.items():
            letters, own = made[inverse, other]
            lines = [row(edit, letters[edit.record], how, generator) for edit in own]
            self._path(name).write_text("\n".join([*_HEADER, *lines, ""]))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.vcf"

    def genome(self, name: str) -> Genome:
        """Of a form."""
        _, *key = _FORMS[name]
        return self.opened[key[0], key[1]]

    def variants(self, name: str, wanted: Sequence[Edit]) -> list[Variant]:
        """Of each row that is wanted the allele that is meant."""
        numbers = {edit.number for edit in wanted}
        found = []
        for _, own in groupby(read_variants(self._path(name)), lambda each: each.line):
            alleles = list(own)
            number, meant = map(int, alleles[0].name.split("."))
            if number in numbers:
                found.append(alleles[meant])
        return found


def check_windows(files: Files, edits: Sequence[Edit], window: int) -> None:
    """Both windows of every form, letter by letter: one pair, turned and changed about."""
    pairs: dict[str, list[tuple[str, str]]] = {}
    for name, (_, inverse, turned) in _FORMS.items():
        genome, pairs[name] = files.genome(name), []
        for variant in files.variants(name, edits):
            placed = place(genome, variant, window=window)
            assert isinstance(placed, Placed), (variant, placed)
            pair = windows(genome, placed)
            if turned:
                pair = (dna.reverse_complement(pair[0]), dna.reverse_complement(pair[1]))
            first, second = map(dna.decode, pair[::-1] if inverse else pair)
            pairs[name].append((first, second))
    for edit, *own in zip(edits, *pairs.values(), strict=True):
        assert len(set(own)) == 1, edit
        assert own[0] == letters_of(files.letters[False, False], edit, window), edit


def letters_of(genome: Letters, edit: Edit, window: int) -> tuple[str, str]:
    """The windows of an edit as docs/scores.md says, cut from the letters."""
    letters = genome[edit.record]
    span = edit.right + max(len(edit.ref), len(edit.alt))
    left = right = max(math.ceil((window - span) / 2), window // 4)
    if edit.kind == "SNV":
        left, right = window // 2, window - window // 2 - 1
    start, end = edit.start, edit.end + edit.right
    first, last = start - left, end + right
    first, last = first - max(0, last - len(letters)), last + max(0, -first)
    first, last = max(0, first), min(len(letters), last)
    changed = letters[first : edit.start] + edit.alt + letters[edit.end : last]
    return letters[first:last], changed


def scored(model: HNetForCausalLM, pair: tuple[str, str]) -> float:
    """The llr of two windows, each strand of each in a call of its own."""
    found = []
    for one, two in (pair, tuple(turned(own) for own in pair)):
        first = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), None)
        first = min(len(one), len(two)) if first is None else first
        found.append(log_likelihood(model, two, first) - log_likelihood(model, one, first))
    return float(np.mean(found))


def turned(letters: str) -> str:
    """The reverse complement."""
    return dna.decode(dna.reverse_complement(dna.encode(letters)))


def log_likelihood(model: HNetForCausalLM, letters: str, first: int) -> float:
    """Of the bases from ``first`` on, less that of random letters, nats."""
    ids = torch.from_numpy(dna.encode(letters)).long()
    with torch.inference_mode():
        values = model.eval()(ids).logits.double().log_softmax(-1)
    known = (ids[1:] < dna.UNKNOWN) & (torch.arange(1, len(ids)) >= first)
    own = values[:-1].gather(1, ids[1:, None])[:, 0]
    return float((own + math.log(4))[known].sum())


def differences(
    model: HNetForCausalLM, files: Files, edits: Sequence[Edit], window: int
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """The largest difference of every form from the first, and the scores of that."""
    values = {}
    for name, (_, inverse, other) in _FORMS.items():
        rows = score_variants(model, files.genome(name), files.variants(name, edits), window=window)
        own = np.array([(x.llr, x.llr_forward, x.llr_reverse) for x in rows]).reshape(-1, 3)
        values[name] = (own[:, [0, 2, 1]] if other else own) * (-1 if inverse else 1)
    first = values["left"]
    return {name: float(abs(own - first).max(initial=0)) for name, own in values.items()}, first


def measure(model: HNetForCausalLM, path: Path, args: argparse.Namespace, count: int) -> Row:
    """All that is said of one genome."""
    genome = Genome(path)
    letters = {name: genome.letters(name, 0, length) for name, length in genome.lengths.items()}
    generator = np.random.default_rng([args.seed, len(letters), sum(map(len, letters.values()))])
    edits = draw(letters, count, APART, generator)
    long = edits[:: max(1, round(args.edits / args.long))] if args.long else []
    rest = [edit for edit in edits if edit not in set(long)]
    found: Row = {"genome": path.parent.name, "edits": len(edits), "long": len(long)}
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder), letters, edits, args.seed)
        for window in (WINDOW, WINDOW - 1, args.short):
            check_windows(files, edits, window)
        found["differences"], scores = differences(model, files, long, WINDOW)
        short, others = differences(model, files, rest, args.short)
        found["differences"] = {
            name: max(value, short[name]) for name, value in found["differences"].items()
        }
        found["rms"] = float(np.sqrt(np.mean(np.r_[scores[:, 0], others[:, 0]] ** 2)))
        share = max(1, args.checked * count // args.edits)
        snvs = [
            Edit(n, name, at, letters[name][at], letters[name][at].translate(_TRANSITION))
            for n, (name, at) in enumerate(places(letters, share, generator))
        ]
        for kind, checked in (("from the letters", long[:share]), ("SNV", snvs)):
            own = [Variant(e.record, *_as_row(e, letters[e.record])) for e in checked]
            rows = score_variants(model, genome, own)
            found["differences"][kind] = max(
                abs(x.llr - scored(model, letters_of(letters, edit, WINDOW)))
                for x, edit in zip(rows, checked, strict=True)
            )
    return found


def _as_row(edit: Edit, letters: str) -> tuple[int, str, str]:
    """Position and alleles, with a letter that is shared where one is empty."""
    if edit.ref and edit.alt:
        return edit.start + 1, edit.ref, edit.alt
    if edit.start:
        before = letters[edit.start - 1]
        return edit.start, before + edit.ref, before + edit.alt
    after = letters[edit.end]
    return 1, edit.ref + after, edit.alt + after


def places(
    genome: Letters, count: int, generator: np.random.Generator
) -> Iterator[tuple[str, int]]:
    """Known bases, the first and the last of a record among them."""
    names = list(genome)
    for number in range(count):
        name = names[int(generator.integers(len(names)))]
        known = [i for i in (0, len(genome[name]) - 1) if genome[name][i] in "ACGT"]
        if number < len(known):
            yield name, known[number]
            continue
        at = int(generator.integers(len(genome[name])))
        while genome[name][at] not in "ACGT":
            at = int(generator.integers(len(genome[name])))
        yield name, at


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("genomes", nargs="+", type=Path, metavar="FASTA")
    parser.add_argument("--model", default="genomes-tiny")
    parser.add_argument("--edits", type=int, default=1000, help="of all genomes together")
    parser.add_argument("--long", type=int, default=200, help="of these, in the default window")
    parser.add_argument("--short", type=int, default=128, help="bases of the others' windows")
    parser.add_argument("--checked", type=int, default=45, help="edits and SNVs from the letters")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path, help="JSON lines: genomes that are there are not done")
    args = parser.parse_args()
    kept = [json.loads(line) for line in _lines(args.kept)]
    model = HNetForCausalLM.from_pretrained(args.model, device="cpu")
    names = [*[*_FORMS][1:], "from the letters", "SNV"]
    print(f"| genome | edits | rms | {' | '.join(names)} |\n|{'---|' * (3 + len(names))}")
    left, worst = args.edits, 0.0
    for number, path in enumerate(args.genomes):
        found = next((row for row in kept if row["genome"] == path.parent.name), None)
        if found is None:
            found = measure(model, path, args, left // (len(args.genomes) - number))
            if args.kept:
                append_line(args.kept, json.dumps(found))
        left -= found["edits"]
        cells = " | ".join(f"{found['differences'][name]:.1e}" for name in names)
        print(
            f"| {found['genome']} | {found['edits']} | {found['rms']:.2f} | {cells} |", flush=True
        )
        worst = max(worst, *found["differences"].values())
    print(f"{args.edits - left:,} edits; largest difference {worst:.1e} nats")
    return int(worst > LIMIT)


def _lines(path: Path | None) -> list[str]:
    return path.read_text().splitlines() if path is not None and path.exists() else []


if __name__ == "__main__":
    sys.exit(main())
