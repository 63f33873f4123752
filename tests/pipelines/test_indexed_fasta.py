"""Slices through pyfaidx are those of the whole file, or the whole file is read."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from Bio import bgzf
from pyfaidx import Faidx

from modalities import dna
from modalities.errors import InputError
from pipelines.formats import genome as genome_module
from pipelines.formats.genome import Genome
from pipelines.formats.indexed_fasta import open_indexed

LETTERS = "".join(np.random.default_rng(0).choice(list("ACGTNacgtRy"), 3001))


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genome_module, "_WORTH", 0)


def lines(letters: str, width: int, end: str = "\n") -> str:
    return "".join(letters[i : i + width] + end for i in range(0, len(letters), width))


def plain(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def index(path: Path) -> Path:
    """With the index of pyfaidx beside it, which is that of samtools for what both read."""
    Faidx(str(path)).close()
    return path


def agree(path: Path, name: str = "chr1") -> None:
    whole, by_index = Genome(path), Genome(path, use_index=True)
    assert by_index._indexed is not None
    assert by_index.lengths == whole.lengths
    length = whole.lengths[name]
    generator = np.random.default_rng(1)
    edges = [0, 1, 59, 60, 61, 119, 120, 121, length - 1, length, length // 2]
    places = [*edges, *generator.integers(0, length, 30).tolist()]
    for start in places:
        for end in edges:
            if 0 <= start <= end <= length:
                np.testing.assert_array_equal(
                    by_index.fetch(name, start, end), whole.fetch(name, start, end)
                )
                assert by_index.letters(name, start, end) == whole.letters(name, start, end)
    np.testing.assert_array_equal(
        by_index.fetch(name, -5, length + 7, pad=True), whole.fetch(name, -5, length + 7, pad=True)
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("final", ["", "\n", "\n\n"])
def test_a_plain_file_gives_the_same(tmp_path: Path, end: str, final: str) -> None:
    text = f">gi|1|ref|N.1| a | b{end}{lines(LETTERS[:180], 60, end)}>chr1 x{end}"
    text += lines(LETTERS, 60, end).rstrip() + final.replace("\n", end)
    if final != "\n\n":
        index(plain(tmp_path / "a.fa", text))
    else:  # pyfaidx does not index it; samtools does
        text = text.replace(">chr1", f"{end}>chr1")
        path = plain(tmp_path / "a.fa", text)
        first, second = text.index("\n") + 1, text.index("\n", text.index(">chr1")) + 1
        wide = 60 + len(end)
        (tmp_path / "a.fa.fai").write_text(
            f"gi|1|ref|N.1|\t180\t{first}\t60\t{wide}\nchr1\t3001\t{second}\t60\t{wide}\n"
        )
        os.utime(path, (0, 0))
    agree(tmp_path / "a.fa")
    agree(tmp_path / "a.fa", "gi|1|ref|N.1|")


def test_bgzip_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.fa.gz"
    text = f">chr1\n{lines(LETTERS, 60)}>chr2\n{lines(LETTERS, 60)}".encode()
    with path.open("wb") as file:
        for start in range(0, len(text), 999):  # blocks shorter than Biopython's own
            with bgzf.BgzfWriter(fileobj=(piece := _Piece())) as writer:
                writer.write(text[start : start + 999])
            file.write(piece.data[:-28])
        file.write(bgzf._bgzf_eof)
    index(path)
    assert (tmp_path / "a.fa.gz.gzi").is_file()
    agree(path)
    agree(path, "chr2")


class _Piece:
    """A file in memory that stays readable when it is closed."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Its data stay."""


def test_bgzip_with_the_longest_blocks_or_without_gzi_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.fa.bgz"
    with bgzf.BgzfWriter(str(path), "wb") as file:
        file.write(f">chr1\n{lines(LETTERS * 60, 60)}".encode())
    assert open_indexed(path) is None
    assert os.listdir(tmp_path) == ["a.fa.bgz"]
    index(path)
    assert open_indexed(path) is None  # blocks of 65,536 bytes
    genome = Genome(path, use_index=True)
    assert dna.decode(genome.fetch("chr1", 0, 30)) == dna.decode(dna.encode(LETTERS[:30]))


def _last_line_longest(path: Path) -> None:
    plain(path, ">chr1\nAC\nACGTACGT\n>b\nGGGG\n")
    index(path)


def _older_index(path: Path) -> None:
    index(plain(path, f">chr1\n{lines(LETTERS, 60)}"))
    os.utime(f"{path}.fai", (0, 0))


def _another_file(path: Path) -> None:
    index(plain(path, f">chr1\n{lines(LETTERS[:600], 60)}>b\n{lines(LETTERS, 60)}"))
    plain(path, f">chr1\n{lines(LETTERS[:601], 60)}>b\n{lines(LETTERS, 60)}")
    os.utime(path, (0, 0))


def _some_records(path: Path) -> None:
    index(plain(path, f">a\n{lines(LETTERS, 60)}>chr1\n{lines(LETTERS, 60)}>b\nACGT\n"))
    kept = Path(f"{path}.fai").read_text().splitlines(keepends=True)
    Path(f"{path}.fai").write_text("".join(kept[1:]))


def _middle_missing(path: Path) -> None:
    _some_records(path)
    index(plain(path, Path(path).read_text()))
    kept = Path(f"{path}.fai").read_text().splitlines(keepends=True)
    Path(f"{path}.fai").write_text("".join([*kept[:1], *kept[2:]]))


def _twice(path: Path) -> None:
    index(plain(path, f">chr1\n{lines(LETTERS, 60)}"))
    Path(f"{path}.fai").write_text(Path(f"{path}.fai").read_text() * 2)


def _nonsense(path: Path) -> None:
    plain(path, f">chr1\n{lines(LETTERS, 60)}")
    Path(f"{path}.fai").write_text("chr1\tx\n")


def _empty(path: Path) -> None:
    plain(path, f">chr1\n{lines(LETTERS, 60)}")
    Path(f"{path}.fai").write_text("")


def _zero_width(path: Path) -> None:
    plain(path, f">chr1\n{lines(LETTERS, 60)}")
    Path(f"{path}.fai").write_text("chr1\t3001\t6\t0\t1\n")


def _none(path: Path) -> None:
    plain(path, f">chr1\n{lines(LETTERS, 60)}")


@pytest.mark.parametrize(
    "make",
    [
        _last_line_longest,
        _older_index,
        _another_file,
        _some_records,
        _middle_missing,
        _twice,
        _nonsense,
        _empty,
        _zero_width,
        _none,
    ],
)
def test_an_index_that_does_not_fit_is_not_used_and_stays(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "a.fa"
    make(path)
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.iterdir()}
    assert open_indexed(path) is None
    by_index, whole = Genome(path, use_index=True), Genome(path)
    assert by_index.lengths == whole.lengths
    assert by_index.letters("chr1", 0, 10) == whole.letters("chr1", 0, 10)
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.iterdir()} == before


def test_a_small_file_is_read_whole_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genome_module, "_WORTH", 10_000)
    path = index(plain(tmp_path / "a.fa", f">chr1\n{lines(LETTERS, 60)}>b\nACGT-\n"))
    with pytest.raises(InputError, match="record b, line 54: '-' is a gap"):
        Genome(path, use_index=True)


def test_what_is_not_dna_is_an_error_where_it_is_read(tmp_path: Path) -> None:
    path = index(plain(tmp_path / "a.fa", f">chr1\n{lines(LETTERS, 60)}>b\nACGT-\n"))
    genome = Genome(path, use_index=True)
    assert dna.decode(genome.fetch("b", 0, 4)) == "ACGT"
    with pytest.raises(InputError, match=r"a\.fa: record b, base 5: '-' is a gap"):
        genome.fetch("b", 1, 5)
    strict = Genome(path, iupac="error", use_index=True)
    first = next(i for i, letter in enumerate(LETTERS) if letter in "Ry")
    with pytest.raises(InputError, match=f"record chr1, base {first + 1}: .* ambiguity code"):
        strict.fetch("chr1", 0, first + 1)
    with pytest.raises(InputError, match="no record 'c'"):
        genome.fetch("c", 0, 1)


def test_a_file_that_changes_while_it_is_open_is_an_error(tmp_path: Path) -> None:
    path = index(plain(tmp_path / "a.fa", f">chr1\n{lines(LETTERS, 60)}"))
    genome = Genome(path, use_index=True)
    with path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(InputError, match="bases 200 to 900: is not what its index says"):
        genome.fetch("chr1", 200, 900)


def test_nothing_is_written_beside_a_file(tmp_path: Path) -> None:
    path = index(plain(tmp_path / "a.fa", f">chr1\n{lines(LETTERS, 60)}"))
    tmp_path.chmod(0o555)
    try:
        agree(path)
    finally:
        tmp_path.chmod(0o755)
    assert sorted(os.listdir(tmp_path)) == ["a.fa", "a.fa.fai"]


def test_a_pickle_and_a_forked_process_open_it_for_themselves(tmp_path: Path) -> None:
    path = index(plain(tmp_path / "a.fa", f">chr1\n{lines(LETTERS * 20, 60)}"))
    whole, genome = Genome(path), Genome(path, use_index=True)
    copy = pickle.loads(pickle.dumps(genome))
    np.testing.assert_array_equal(copy.fetch("chr1", 7, 700), whole.fetch("chr1", 7, 700))

    def wrong(seed: int) -> int:
        starts = np.random.default_rng(seed).integers(0, 59_900, 500).tolist()
        return sum(
            not np.array_equal(genome.fetch("chr1", s, s + 90), whole.fetch("chr1", s, s + 90))
            for s in starts
        )

    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=lambda s=s: os._exit(min(1, wrong(s)))) for s in (1, 2)]
    for worker in workers:
        worker.start()
    assert wrong(0) == 0
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
