"""What ``hnet-seq score --haplotypes`` reads of phased calls, beside ``bcftools consensus``.

    python studies/haplotype_windows.py --files 500

Each file has a genome of three records and the calls of one to three samples: bases changed,
inserted and deleted, several at once, alleles over each other (in every second file), beside each
other and at the ends of records, rows of several alleles, ``*`` and ``<DEL>``, genotypes without a
phase, missing ones, half of them, haploid ones. Every third is plain VCF, bgzip with its index, and
BCF with its index. The verb scores all alleles of the file, and others, on all haplotypes, and what
goes into the model is recorded in place of computing it.

Each row of its table is then compared, letter by letter on both strands, with two windows that are
cut by docs/scores.md from what ``bcftools consensus`` makes of all alleles of the haplotype but the
scored one. Rows without a score have to be those in which an allele that bcftools applies lies over
the scored one. Where bcftools does something else than the verb says of itself, it is not asked:
``<DEL>``, which it applies, and ``*``, which it may write into the sequence. It reads the genome in
upper case: in lower case a base that is changed loses its letter to an insertion behind it
(findings/bcftools_consensus_loses_an_snv_under_an_insertion_in_lower_case.sh).
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import chdir, redirect_stderr
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pysam
import pysam.bcftools
from haplotype_windows_files import Calls, Row, draw
from indel_spellings import letters_of, turned
from indel_spellings_edits import Edit, edit_of

from hnet_seq.cli import main as hnet_seq
from hnet_seq.tasks.scoring import variant_score
from hnet_seq.tasks.scoring.window_pairs import WindowPairs
from modalities import dna

WINDOWS = (16, 24, 37)
_FORMS = ("calls.vcf", "calls.vcf.gz", "calls.bcf")


@dataclass(frozen=True)
class Bare:
    """What an allele changes, without the letters that it shares with its reference.

    Attributes:
        start, end: 0-based bounds of what it replaces.
    """

    start: int
    end: int
    alt: str

    @property
    def cells(self) -> range:
        """What it changes, of cells for each base (odd) and between bases (even)."""
        deleted = range(2 * self.start + 1, 2 * self.end)
        return deleted or range(2 * self.start, 2 * self.start + 1)


def bare(start: int, ref: str, alt: str) -> Bare:
    """As it is written: of an insertion or deletion the first letter stays."""
    short, long = sorted((ref, alt), key=len)
    if ref[0] == alt[0] and short != long and long.endswith(short[1:]):
        start, ref, alt = start + 1, ref[1:], alt[1:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        start, ref, alt = start + 1, ref[1:], alt[1:]
    return Bare(start, start + len(ref), alt)


class Consensus:
    """One haplotype, as bcftools makes it of a file of calls in the folder."""

    def __init__(self, calls: Calls, sample: int, haplotype: int) -> None:
        self._options = ("-H", str(haplotype), "-s", calls.samples[sample], "-f", "upper.fa")
        self.carried: list[tuple[Row, str]] = []
        for row in calls.rows:
            own = row.allele(sample, haplotype)
            if own is not None and own.isalpha():
                self.carried.append((row, own))
        numbers = [row.number for row, _ in self.carried]
        self.letters = cache(self._letters)
        _, said = self._run(frozenset(numbers))
        if "overlaps" in said:  # which of them do not stand shows where one comes to the others
            before = self.letters(frozenset())
            standing = []
            for i, allele in enumerate(self.carried):
                after = self.letters(frozenset(numbers[: i + 1]))
                if after != before:
                    standing.append(allele)
                before = after
            self.carried = standing

    def _letters(self, numbers: frozenset[int]) -> dict[str, str]:
        """The records, with the alleles of these rows alone."""
        return self._run(numbers)[0]

    def _run(self, numbers: frozenset[int]) -> tuple[dict[str, str], str]:
        wanted = " || ".join(f"INFO/K={number}" for number in sorted(numbers)) or "INFO/K<0"
        options = (*self._options, "-i", wanted, "calls.vcf.gz")
        written = pysam.bcftools.consensus(*options, catch_stdout=True)
        assert isinstance(written, str)
        parts = [part.split("\n", 1) for part in written.split(">")[1:]]
        found = {head.split()[0]: own.replace("\n", "").upper() for head, own in parts}
        return found, pysam.bcftools.consensus.get_messages()

    def without(self, record: str, letters: str, asked: Edit) -> tuple[str, list[Bare], bool]:
        """The record without an allele, the others on it, and whether it was there."""
        is_own = {
            row.number: row.record == record
            and edit_of(0, record, letters, row.start, row.start + len(row.ref), own) == asked
            for row, own in self.carried
        }
        kept = frozenset(number for number, own in is_own.items() if not own)
        others = [
            bare(row.start, row.ref, own)
            for row, own in self.carried
            if row.number in kept and row.record == record
        ]
        return self.letters(kept)[record], others, any(is_own.values())


class Recorded(WindowPairs):
    """Keeps what would go into the model, and gives its number for a score."""

    read: list[list[tuple[str, str]]] = []  # noqa: RUF012 (of all, in the order of numbers)

    def differences(self, key: Hashable) -> list[float]:
        pairs = [(dna.decode(one), dna.decode(two)) for one, two in self.tokens(key)]
        self.read.append(pairs)
        return [float(len(self.read) - 1)] * len(pairs)


def scored(calls: str, window: int) -> Iterator[tuple[dict[str, str], list[list[tuple[str, str]]]]]:
    """The rows of the verb's table, each with what was read for it and on the genome."""
    real, variant_score.WindowPairs = variant_score.WindowPairs, Recorded  # type: ignore[misc]
    Recorded.read.clear()
    words = ["score", "genomes-tiny", "asked.vcf", "--genome", "g.fa", "--haplotypes", calls]
    words += ["--markov-order", "1", "--window", f"{window}", "--out", "out.tsv", "--device", "cpu"]
    try:
        with redirect_stderr(io.StringIO()) as said:
            rc = hnet_seq(words)
    finally:
        variant_score.WindowPairs = real  # type: ignore[misc]
    if rc:
        raise SystemExit(f"{os.getcwd()}: {said.getvalue()}")
    with open("out.tsv", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            numbers = [row[name] for name in ("llr", "genome_llr")]
            yield row, [Recorded.read[int(float(own))] if own else [] for own in numbers]


def compared(seed: int, window: int, calls: Calls) -> Iterator[tuple[str, str]]:
    """What became of each row of the table, and what is wrong; in the folder of the files."""
    indices = {name: index for index, name in enumerate(calls.samples)}
    consensus: Callable[[int, int], Consensus] = cache(lambda *own: Consensus(calls, *own))
    seen: Counter[tuple[str, ...]] = Counter()
    expected: Counter[tuple[str, ...]] = Counter()
    for row, (here, on_genome) in scored(_FORMS[seed % len(_FORMS)], window):
        record, start, haplotype = row["chrom"], int(row["pos"]) - 1, int(row["haplotype"])
        letters, alt = calls.genome[record].upper(), row["alt"]
        key = (record, row["pos"], row["ref"], alt)
        seen[*key, row["sample"], str(haplotype)] += 1
        for name, index in indices.items():
            for number in range(1, 1 + calls.haplotypes(index, record)):
                expected[*key, name, str(number)] = max(1, seen[*key, row["sample"], "1"])
        if not alt.isalpha():
            yield "without letters", "" if row["skipped"] else "has a score"
            continue
        asked = edit_of(0, record, letters, start, start + len(row["ref"]), alt)
        assert asked is not None
        consensus_of = consensus(indices[row["sample"]], haplotype)
        of_others, others, carried = consensus_of.without(record, letters, asked)
        if (row["carried"] == "1") != carried:
            yield "carried", f"{row}: {carried}"
            continue
        if on_genome and on_genome != both_strands(letters_of({record: letters}, asked, window)):
            yield "genome", f"{row}: {on_genome}"
            continue
        yield judged(row, here, letters, of_others, asked, others, window)
    if seen != expected:
        yield "rows", f"{seen} and not {expected}"


def judged(
    row: dict[str, str],
    here: list[tuple[str, str]],
    letters: str,
    of_others: str,
    asked: Edit,
    others: list[Bare],
    window: int,
) -> tuple[str, str]:
    """What a row is, and what is wrong with it."""
    if too_long(letters, asked, window):
        return "too long", "" if row["skipped"] == "too_long" else f"{row}"
    places = {
        cell
        for shift in range(asked.right + 1)
        for cell in Bare(asked.start + shift, asked.end + shift, "").cells
    }
    if asked.right:  # what it moves over
        places |= set(range(min(places), max(places) + 1))
    if any(places.intersection(own.cells) for own in others):
        return "overlap", "" if row["skipped"] == "overlap" else f"{row}: {others}"
    moved = sum(len(own.alt) - (own.end - own.start) for own in others if own.end <= asked.start)
    start = asked.start + moved
    if of_others[start : start + len(asked.ref)] != asked.ref:
        return "place", f"{row}: {others} {of_others}"
    edit = edit_of(0, asked.record, of_others, start, start + len(asked.ref), asked.alt)
    assert edit is not None
    if too_long(of_others, edit, window):
        return "too long", "" if row["skipped"] == "too_long" else f"{row}"
    wanted = both_strands(letters_of({asked.record: of_others}, edit, window))
    kind = "beside others" if row["neighbours"] != "0" else "as on the genome"
    return kind, "" if here == wanted else f"{row}: {others}\n  {here}\n  {wanted}"


def too_long(letters: str, edit: Edit, window: int) -> bool:
    """As docs/scores.md has it."""
    longest = max(len(edit.ref), len(edit.alt))
    least = min(window, len(letters), len(letters) - len(edit.ref) + len(edit.alt))
    return longest > least // 2 or edit.right + longest > 8 * window


def both_strands(pair: tuple[str, str]) -> list[tuple[str, str]]:
    return [pair, (turned(pair[0]), turned(pair[1]))]


def files(count: int, first: int) -> Iterator[tuple[int, str, str]]:
    """Seed, kind and fault of each row of so many files."""
    for seed in range(first, first + count):
        generator = random.Random(f"{seed} asked")
        calls, window = draw(seed), generator.choice(WINDOWS)
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            calls.write(Path())
            calls.write_asked(Path("asked.vcf"), generator)
            pysam.tabix_index("calls.vcf", preset="vcf", keep_original=True)
            options = ("-O", "b", "-o", "calls.bcf", "calls.vcf.gz")
            pysam.bcftools.view(*options, catch_stdout=False)
            pysam.bcftools.index("calls.bcf", catch_stdout=False)
            for kind, fault in compared(seed, window, calls):
                yield seed, kind, fault


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=500, metavar="N", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first (%(default)s)")
    args = parser.parse_args()
    kinds: Counter[str] = Counter()
    faults = 0
    for seed, kind, fault in files(args.files, args.seed):
        kinds[kind] += 1
        faults += bool(fault)
        if fault:
            print(f"seed {seed}, {kind}: {fault}", flush=True)
    print(", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items())))
    print(f"{args.files:,} files, {faults} differences")
    raise SystemExit(faults > 0 or math.isclose(kinds["beside others"], 0))


if __name__ == "__main__":
    main()
