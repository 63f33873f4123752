from __future__ import annotations

import gzip
import resource
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.shard import shard
from modalities.dna import decode
from modalities.errors import InputError, UsageError
from pipelines.batches.shard_documents import read_documents
from pipelines.shards.manifest import Manifest
from pipelines.storage.json_records import as_json

REPOSITORY = Path(__file__).parents[2]
GENOMES = REPOSITORY / "../shared/data/genomes"


def fasta(folder: Path, text: str, name: str = "genome.fa") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def random_letters(length: int, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    path = fasta(tmp_path, f">a b\n{random_letters(5000)}\n>c\n{random_letters(100)}\n")
    for out in ("one", "two"):
        shard([path], tmp_path / out, validation="last:0.1", block_size=1000, progress=False)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert sorted(contents(tmp_path / "one")) == [
        "manifest.json",
        "train-00000-0000.tar",
        "validation-00000-0000.tar",
    ]


def test_documents_are_what_the_files_hold(tmp_path: Path) -> None:
    first, second = random_letters(5000), random_letters(70, 1)
    paths = [fasta(tmp_path, f">a\n{first}\n"), tmp_path / "more.fa.gz"]
    paths[1].write_bytes(gzip.compress(f">b|x.1:2\n{second.lower()}\n".encode()))
    manifest = shard(
        paths, tmp_path / "s", validation="region:a:1001-2000", guard=10, progress=False
    )
    assert [source.name for source in manifest.sources] == ["genome.fa", "more.fa.gz"]

    def found(split: str) -> list[tuple[str, int, str, str]]:
        documents = read_documents(tmp_path / "s", split)
        return [(d.name, d.start, d.label, decode(d.tokens)) for d in documents]

    assert found("train") == [
        ("a", 0, "", first[:990]),
        ("a", 2010, "", first[2010:]),
        ("b|x.1:2", 0, "", second),
    ]
    assert found("validation") == [("a", 1000, "", first[1000:2000])]
    assert as_json(Manifest.load(tmp_path / "s")) == as_json(manifest)


def test_long_runs_of_n_are_cut_out_and_counted(tmp_path: Path) -> None:
    left, right = random_letters(40), random_letters(50, 1)
    text = "N" * 5 + left + "N" * 30 + right[:20] + "N" * 29 + right[20:] + "N" * 8
    path = fasta(tmp_path, f">x\n{text}\n>only\n{'N' * 12}\n>one\nA\n")
    manifest = shard([path], tmp_path / "s", unknown_run=30, progress=False)
    documents = [(d.start, decode(d.tokens)) for d in read_documents(tmp_path / "s", "train")]
    assert documents == [(5, left), (75, right[:20] + "N" * 29 + right[20:])]
    assert manifest.statistics["records"] == 3
    assert manifest.statistics["unknown"] == 5 + 30 + 29 + 8 + 12
    assert manifest.statistics["dropped_unknown"] == 5 + 30 + 8 + 12
    assert manifest.statistics["dropped_short"] == 1
    assert manifest.statistics["bases"] == len(text) + 13


def test_every_base_is_kept_or_counted_as_dropped(tmp_path: Path) -> None:
    path = fasta(tmp_path, f">x\n{random_letters(900)}{'n' * 2000}{random_letters(5000)}RY\n")
    manifest = shard([path], tmp_path / "s", validation="last:0.1", guard=100, progress=False)
    counts = manifest.statistics
    dropped = counts["dropped_unknown"] + counts["dropped_guard"] + counts["dropped_short"]
    assert manifest.tokens("train") + manifest.tokens("validation") + dropped == counts["bases"]
    assert (counts["iupac"], counts["unknown"], counts["soft_masked"]) == (2, 2000, 2000)


def test_the_table_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = fasta(tmp_path, f">x\n{random_letters(5000)}ACGTNNacgtR\n")
    out = str(tmp_path / "s")
    assert main(["shard", str(path), "--out", out, "--validation", "last:0.1"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["bases", "5,011"] in rows
    assert ["other", "ambiguity", "codes", "1", "0.02%"] in rows
    assert ["lower", "case", "4", "0.08%"] in rows
    assert ["dropped:", "guard", "1,000", "19.96%"] in rows
    assert any(row[:2] == ["validation:", "tokens"] for row in rows)


GOOD = f">chr1\n{random_letters(3000)}\n>chr2\n{random_letters(500)}\n"


@pytest.mark.parametrize(
    ("text", "options", "code", "message"),
    [
        ("", [], 1, "genome.fa"),
        ("MKVLAAGIVG\n", [], 1, "genome.fa"),
        (">a\nMKVLLEFPQ\n", [], 1, "genome.fa"),
        (">a\nACGT\n>a\nACGT\n", [], 1, "genome.fa"),
        (">a\nACRT\n", ["--iupac", "error"], 1, "genome.fa"),
        (">a\nNNNNNN\n", [], 1, "nothing is left for train"),
        (">a\nA\n", [], 1, "nothing is left for train"),
        (GOOD, ["--validation", "records:chr3"], 2, "no record 'chr3'; there are 2, as chr"),
        (GOOD, ["--validation", "records:chr1,chr2"], 2, "leaves no bases for train"),
        (GOOD, ["--validation", "region:chr2:1-501"], 2, "ends beyond chr2, which has 500"),
        (GOOD, ["--validation", "last:2"], 2, "between 0 and 1"),
        (GOOD, ["--validation", "first:0.1"], 2, "unknown form"),
        (GOOD, ["--guard", "-1"], 2, "--guard"),
        (GOOD, ["--block-size", "0"], 2, "--block-size"),
        (GOOD, ["--shard-size", "10"], 2, "--shard-size"),
        (GOOD, ["--unknown-run", "0"], 2, "--unknown-run"),
        (GOOD, ["--modality", "text", "--keep-soft-mask"], 2, "--keep-soft-mask"),
        (
            f">a\n{random_letters(3000)}{'N' * 1500}\n",
            ["--validation", "region:a:3500-4500"],
            1,
            "nothing is left for validation",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    options: list[str],
    code: int,
    message: str,
) -> None:
    path = fasta(tmp_path, text)
    assert main(["shard", str(path), "--out", str(tmp_path / "s"), *options]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_and_a_record_in_two_files_are_named(tmp_path: Path) -> None:
    one, two = fasta(tmp_path, GOOD, "one.fa"), fasta(tmp_path, ">chr2\nACGT\n", "two.fa")
    with pytest.raises(InputError, match=r"two\.fa: record chr2: also stands in .*one\.fa"):
        shard([one, two], tmp_path / "s", progress=False)
    with pytest.raises(InputError, match=r"absent\.fa"):
        shard([tmp_path / "absent.fa"], tmp_path / "s", progress=False)
    binary = tmp_path / "x.txt"
    binary.write_bytes(b"ab\xff")
    with pytest.raises(InputError, match=r"x\.txt: .*byte"):
        shard([binary], tmp_path / "s", modality="text", progress=False)
    assert not (tmp_path / "s").exists()


def test_an_existing_folder_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = fasta(tmp_path, GOOD)
    shard([path], tmp_path / "s", progress=False)
    before = contents(tmp_path / "s")
    with pytest.raises(UsageError, match="exists already"):
        shard([path], tmp_path / "s", validation="records:chr2", progress=False)
    assert contents(tmp_path / "s") == before
    shard([path], tmp_path / "s", validation="records:chr2", overwrite=True, progress=False)
    assert "validation-00000-0000.tar" in contents(tmp_path / "s")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["genome.fa", "s"]


@pytest.mark.skipif(not GENOMES.is_dir(), reason="the shared genomes are not here")
def test_a_human_region_with_long_runs_of_n(tmp_path: Path) -> None:
    (path,) = (GENOMES / "human_chrX_4mb").glob("*.f*a.gz")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    manifest = shard([path], tmp_path / "s", validation="last:0.1", progress=False)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert manifest.statistics["unknown"] > 300_000
    assert manifest.statistics["dropped_unknown"] > 300_000
    for split in ("train", "validation"):
        for document in read_documents(tmp_path / "s", split):
            known = document.tokens != 4
            runs = np.diff(np.flatnonzero(np.concatenate(([True], known, [True]))))
            assert runs.max() <= 1000
    assert used < 200 * 1024  # KiB, beside what imports need
