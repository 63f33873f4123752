"""Random access gives what streaming gives, in every process, and says no past the ends."""

from __future__ import annotations

import gzip
import itertools
import multiprocessing
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from Bio import bgzf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyfaidx import Faidx

from modalities import dna
from modalities.errors import InputError
from pipelines.formats import genome as genome_module
from pipelines.formats.fasta import read_fasta
from pipelines.formats.genbank import read_genbank
from pipelines.formats.genome import Genome
from tests.full_disk import files_of_at_most
from tests.pipelines.test_genbank import entry

ECOLI = Path(__file__).parents[2] / "examples/data/ecoli_536/genome.fna.gz"


def write(path: Path, data: bytes) -> None:
    """Write ``data`` compressed as the suffix says: .bgz, .gz or none of these."""
    if path.suffix == ".bgz":
        with bgzf.BgzfWriter(str(path), "wb") as file:
            file.write(data)
    else:
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    path = tmp_path / "a.fa"
    path.write_bytes(b">chr1 first\nACGT\nACgn\nA\n>chr2\nGGCC\n")
    return Genome(path)


sequences = st.dictionaries(
    st.text("abc|.:-_", min_size=1, max_size=6),
    st.text("ACGTNacgtnRyU", min_size=1, max_size=60),
    min_size=1,
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.data(),
    sequences,
    st.lists(st.integers(0, 12), max_size=4),
    st.sampled_from(["fa", "gz", "bgz"]),
    st.booleans(),
)
def test_any_slice_equals_that_of_the_streaming_reader(
    tmp_path: Path,
    data: st.DataObject,
    letters: dict[str, str],
    widths: list[int],
    suffix: str,
    crlf: bool,
) -> None:
    text = ""
    for name, sequence in letters.items():
        text += f">{name}\n"
        line_widths = itertools.cycle([*widths, 7])
        while sequence:
            width = next(line_widths)
            text += sequence[:width] + "\n"
            sequence = sequence[width:]
    path = tmp_path / f"a.{suffix}"
    write(path, text.replace("\n", "\r\n" if crlf else "\n").encode())
    genome = Genome(path)
    streamed = {record.name: record.tokens for record in read_fasta(path)}
    assert genome.lengths == {name: len(tokens) for name, tokens in streamed.items()}
    for name, tokens in streamed.items():
        start = data.draw(st.integers(0, len(tokens)))
        end = data.draw(st.integers(start, len(tokens)))
        assert np.array_equal(genome.fetch(name, start, end), tokens[start:end])


def test_slices_agree_with_pyfaidx_where_it_reads_the_layout(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    letters = "".join(rng.choice(list("ACGTN"), 5000))
    path = tmp_path / "a.fa"
    lines = [letters[i : i + 61] for i in range(0, len(letters), 61)]
    path.write_text("\n".join([">a", *lines, ""]))
    genome = Genome(path)
    with Faidx(str(path), indexname=str(tmp_path / "index"), as_raw=True) as index:
        for start in rng.integers(0, 4800, 50).tolist():
            assert dna.decode(genome.fetch("a", start, start + 150)) == index.fetch(
                "a", start + 1, start + 150
            )


def test_a_last_line_longer_than_the_first_reads_right(tmp_path: Path) -> None:
    # pyfaidx accepts this layout, and gives the next header's bytes as bases.
    path = tmp_path / "a.fa"
    path.write_text(">a\nAC\nACGTACGT\n>b\nGGGG\n")
    assert dna.decode(Genome(path).fetch("a", 0, 10)) == "ACACGTACGT"


def test_the_shipped_genome_agrees_with_the_streaming_reader() -> None:
    genome = Genome(ECOLI)
    (record,) = read_fasta(ECOLI)
    assert genome.lengths == {record.name: 4_938_920}
    for start in (0, 59, 2_000_000, 4_938_820):
        piece = genome.fetch(record.name, start, start + 100)
        assert np.array_equal(piece, record.tokens[start : start + 100])


@pytest.mark.parametrize(
    ("name", "start", "end", "message"),
    [
        ("chr2", 0, 5, "record chr2, bases 0 to 5: the record has 4 bases; ask for fewer"),
        ("chr2", -1, 3, "record chr2, bases -1 to 3: the record has 4 bases"),
        ("chr2", 3, 2, "the end lies before the start"),
        ("Chr2", 0, 1, "no record 'Chr2' among 2, as chr2"),
        ("?", 0, 1, r"no record '\?' among 2, as chr1, chr2"),
    ],
)
def test_a_slice_that_is_not_there_is_an_error(
    genome: Genome, name: str, start: int, end: int, message: str
) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        genome.fetch(name, start, end)
    assert str(refusal.value).startswith(f"{genome.path}: ")


@pytest.mark.parametrize(
    ("start", "end", "letters"),
    [
        (-2, 3, "NNGGC"),
        (2, 6, "CCNN"),
        (-1, 5, "NGGCCN"),
        (6, 8, "NN"),
        (-3, -1, "NN"),
        (1, 1, ""),
        (0, 4, "GGCC"),
    ],
)
def test_padding_asked_for_reads_unknown_bases_outside(
    genome: Genome, start: int, end: int, letters: str
) -> None:
    assert dna.decode(genome.fetch("chr2", start, end, pad=True)) == letters


def test_what_is_fetched_may_be_changed_without_changing_the_genome(genome: Genome) -> None:
    genome.fetch("chr2", 0, 4)[:] = 0
    assert dna.decode(genome.fetch("chr2", 0, 4)) == "GGCC"


def test_the_policy_for_ambiguity_codes_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_text(">a\nACR\n")
    assert dna.decode(Genome(path).fetch("a", 0, 3)) == "ACN"
    with pytest.raises(InputError, match="record a, line 2: 'R'"):
        Genome(path, iupac="error")


def test_nothing_is_written_beside_the_input_or_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    folder = tmp_path / "input"
    folder.mkdir()
    path = folder / "a.fa"
    path.write_text(">a\nACGT\n")
    folder.chmod(0o555)
    try:
        assert dna.decode(Genome(path).fetch("a", 1, 3)) == "CG"
    finally:
        folder.chmod(0o755)
    assert os.listdir(folder) == ["a.fa"]
    assert os.listdir(temporary) == []


def test_a_large_genome_lies_in_a_file_and_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.fa"
    path.write_text(">a\nACGT\n>b\nGG\n>c\nTTT\n")
    monkeypatch.setattr(genome_module, "_IN_MEMORY", 3)
    genome = Genome(path)
    assert isinstance(genome._mapped().base, np.memmap)
    found = {name: dna.decode(genome.fetch(name, 0, n)) for name, n in genome.lengths.items()}
    assert found == {"a": "ACGT", "b": "GG", "c": "TTT"}
    with files_of_at_most(5), pytest.raises(InputError, match="set TMPDIR to another folder"):
        Genome(path)


def check_slices(genome: Genome, seed: int) -> int:
    """Slices of a forked worker that differ from the sequence, whose base i is i * i % 4."""
    (length,) = genome.lengths.values()
    wrong = 0
    for start in np.random.default_rng(seed).integers(0, length - 100, 2000).tolist():
        index = np.arange(start, start + 100)
        wrong += not np.array_equal(genome.fetch("a", start, start + 100), index * index // 3 % 4)
    return wrong


def test_forked_workers_sharing_one_genome_read_right(tmp_path: Path) -> None:
    index = np.arange(100_000)
    path = tmp_path / "a.fa"
    path.write_text(f">a\n{dna.decode((index * index // 3 % 4).astype(np.uint8))}\n")
    genome = Genome(path)

    def work(seed: int) -> None:
        # Straight out: the inherited pytest must not run on in the child.
        os._exit(0 if check_slices(genome, seed) == 0 else 1)

    workers = [multiprocessing.get_context("fork").Process(target=work, args=(s,)) for s in (1, 2)]
    for worker in workers:
        worker.start()
    assert check_slices(genome, 0) == 0
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]


def test_a_pickle_is_small_and_reads_the_file_when_it_first_fetches(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_text(">a\n" + "ACGT" * 10_000 + "\n")
    pickled = pickle.dumps(Genome(path))
    assert len(pickled) < 1000
    copy = pickle.loads(pickled)
    assert copy.lengths == {"a": 40_000}
    assert dna.decode(copy.fetch("a", 39_998, 40_000)) == "GT"


def test_a_file_that_changed_after_pickling_is_refused(genome: Genome) -> None:
    copy = pickle.loads(pickle.dumps(genome))
    genome.path.write_text(">chr1\nACGT\n")
    with pytest.raises(InputError, match="has changed since it was opened"):
        copy.fetch("chr1", 0, 1)


def test_letters_keep_ambiguity_codes_that_tokens_do_not(tmp_path: Path) -> None:
    path = tmp_path / "g.fa"
    path.write_text(">a\nACmRy\n>b\nNnV\n")
    genome = Genome(path)
    assert (genome.letters("a", 1, 5), genome.letters("b", 0, 3)) == ("CMRY", "NNV")
    assert genome.fetch("a", 1, 5).tolist() == [1, 4, 4, 4]


def test_genbank_keeps_ambiguity_codes_too(tmp_path: Path) -> None:
    path = tmp_path / "g.gb"
    path.write_text(entry("AB01", "acmryn"))
    genome = Genome(path)
    assert genome.letters("AB01.1", 0, 6) == "ACMRYN"
    assert genome.fetch("AB01.1", 0, 6).tolist() == [0, 1, 4, 4, 4, 4]
    (record,) = read_genbank(path)
    assert (record.tokens.tolist(), record.counts.iupac) == ([0, 1, 4, 4, 4, 4], 3)
