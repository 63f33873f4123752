"""Coding and intergenic windows: labels, lengths, disjoint regions, balance."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hnet_seq.tasks.classification.windows import (
    CODING,
    INTERGENIC,
    LabelledWindows,
    coding_and_intergenic,
    gaps,
    tile,
)
from modalities import dna
from modalities.errors import InputError, UsageError
from pipelines.shards.split import Region

EXAMPLE = Path(__file__).parents[2] / "examples/data/ecoli_536"
GENES = [(100, 400, "+"), (350, 700, "-"), (900, 1500, "-"), (1700, 2100, "+")]


def write_genome(folder: Path, letters: str) -> tuple[Path, Path]:
    genome, annotation = folder / "g.fa", folder / "g.gff"
    genome.write_text(f">chr|1.x\n{letters}\n")
    lines = [
        f"chr|1.x\ttest\tCDS\t{start + 1}\t{end}\t.\t{strand}\t0\tID=c{start}"
        for start, end, strand in GENES
    ]
    annotation.write_text("##gff-version 3\n" + "\n".join(lines) + "\n")
    return genome, annotation


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    generator = np.random.default_rng(0)
    letters = "".join(generator.choice(list("ACGT"), 2400))
    return write_genome(tmp_path_factory.mktemp("genome"), letters)


@pytest.fixture(scope="module")
def windows(small: tuple[Path, Path]) -> LabelledWindows:
    return coding_and_intergenic(
        *small, test_region="chr|1.x:1501-2400", length=40, guard=100, seed=1
    )


def test_a_coding_window_lies_inside_one_cds_and_an_intergenic_one_touches_none(
    windows: LabelledWindows,
) -> None:
    for window in windows.train + windows.test:
        if window.label == CODING:
            assert any(s <= window.start and window.end <= e for s, e, _ in GENES)
        else:
            assert all(window.end <= s or window.start >= e for s, e, _ in GENES)


def test_windows_have_one_length_and_are_the_forward_strand_of_the_genome(
    windows: LabelledWindows, small: tuple[Path, Path]
) -> None:
    letters = small[0].read_text().splitlines()[1]
    for window in windows.train + windows.test:
        assert window.end - window.start == 40
        assert dna.decode(window.tokens) == letters[window.start : window.end]


def test_classes_are_balanced_and_counted(windows: LabelledWindows) -> None:
    for members in (windows.train, windows.test):
        labels = [window.label for window in members]
        assert labels.count(CODING) == labels.count(INTERGENIC) > 0
    assert windows.found["train"][CODING] >= len(windows.train) // 2


def test_a_guard_below_zero_is_named_as_the_guard(small: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match=r"^guard: is -1"):
        coding_and_intergenic(*small, test_region="last:0.4", guard=-1)


def test_training_keeps_the_guard_away_from_the_test_region(windows: LabelledWindows) -> None:
    assert windows.regions == {"train": ["chr|1.x:1-1400"], "test": ["chr|1.x:1501-2400"]}
    assert max(window.end for window in windows.train) <= 1400
    assert min(window.start for window in windows.test) >= 1500


def test_the_seed_decides_everything(small: tuple[Path, Path]) -> None:
    def starts(seed: int) -> list[int]:
        found = coding_and_intergenic(
            *small, test_region="last:0.4", length=40, guard=10, max_train=5, seed=seed
        )
        return [window.start for window in found.train]

    assert starts(3) == starts(3)
    assert starts(3) != starts(4)


def test_windows_with_unknown_bases_are_left_out_and_counted(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    letters = "".join(generator.choice(list("ACGT"), 2400))
    paths = write_genome(tmp_path, letters[:700] + "N" * 200 + letters[900:])
    found = coding_and_intergenic(*paths, test_region="last:0.4", length=40, guard=10)
    assert found.with_unknown == 5
    assert all(window.tokens.max() < 4 for window in found.train)


@given(
    spans=st.lists(st.tuples(st.integers(0, 90), st.integers(1, 40)), max_size=6),
    bounds=st.tuples(st.integers(0, 60), st.integers(1, 70)),
    length=st.integers(1, 12),
)
@settings(max_examples=200, deadline=None)
def test_tiles_lie_in_a_span_and_the_region_and_never_overlap(
    spans: list[tuple[int, int]], bounds: tuple[int, int], length: int
) -> None:
    intervals = [(start, start + size) for start, size in spans]
    region = Region(bounds[0], sum(bounds), "train")
    starts = tile(intervals, region, length, np.random.default_rng(0))
    assert all(b - a >= length for a, b in pairwise(starts))
    for start in starts:
        assert region.start <= start
        assert start + length <= region.end
        assert any(s <= start and start + length <= e for s, e in intervals)


@given(spans=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 40)), max_size=6))
@settings(max_examples=100, deadline=None)
def test_gaps_are_what_no_span_covers(spans: list[tuple[int, int]]) -> None:
    intervals = [(start, start + size) for start, size in spans]
    covered = np.zeros(130, bool)
    for start, end in intervals:
        covered[start:end] = True
    free = np.ones(130, bool)
    for start, end in gaps(intervals, 130):
        assert end > start
        free[start:end] = False
    assert (free == covered).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_region": "last:0.4", "length": 0}, "length: is 0"),
        ({"test_region": "chr9:1-10"}, "test_region chr9:1-10: no record 'chr9'"),
        ({"test_region": "last:2"}, "test_region last:2: expected a fraction"),
        ({"test_region": "chr|1.x:9-4"}, "positions are 1-based"),
    ],
)
def test_misuse_is_named(
    small: tuple[Path, Path], options: dict[str, str | int], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        coding_and_intergenic(*small, **options)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "validation:" not in str(caught.value)


def test_a_class_without_windows_says_what_to_change(small: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"no intergenic window of 320 bases .* \(`length`\)"):
        coding_and_intergenic(*small, test_region="last:0.4", length=320, guard=10)


def test_the_shipped_genome_gives_hundreds_of_test_windows() -> None:
    found = coding_and_intergenic(
        EXAMPLE / "genome.fna.gz", EXAMPLE / "prodigal.gff.gz", test_region="last:0.1"
    )
    assert len(found.train) == 2000
    assert len(found.test) >= 500


def test_no_window_touches_a_pseudogene(tmp_path: Path) -> None:
    genome, annotation = write_genome(tmp_path, "ACGTTGCA" * 300)
    text = annotation.read_text()
    rows = [
        text.replace("ID=c900", "ID=c900;pseudo=true"),
        "chr|1.x\ttest\tpseudogene\t701\t850\t.\t+\t.\tID=p\n",
    ]
    annotation.write_text("".join(rows))
    found = coding_and_intergenic(
        genome, annotation, test_region="chr|1.x:1501-2400", length=40, guard=0
    )
    assert found.train
    for window in found.train + found.test:
        for start, end in ((900, 1500), (700, 850)):
            assert window.end <= start or end <= window.start
