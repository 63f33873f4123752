"""Sequences come from whatever holds them; what is wrong with them is said with its place."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.tasks.embed import embed
from hnet_seq.tasks.sequences.inputs import open_sequences
from hnet_seq.tasks.sequences.reading import Reading
from modalities import dna
from modalities.errors import InputError, UsageError
from modalities.text import TEXT
from pipelines.formats.table_rows import RowFilter
from tests.conftest import LAYOUTS, make_model

GENOME = {"chr1": "ACGTACGGTTNA", "chr2": "GGGATC"}
FASTA = "".join(f">{name}\n{letters}\n" for name, letters in GENOME.items())


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(FASTA)
    return path


def read(source: Path | str, **options: object) -> dict[str, str]:
    found = open_sequences(source, Reading(**options))  # type: ignore[arg-type]
    return {name: dna.decode(tokens) for name, tokens in found.names_and_tokens()}


def stdin(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content.encode())))


def test_records_are_read_again_in_the_same_order(genome: Path) -> None:
    source = open_sequences(genome)
    assert source.count is None
    first = [name for name, _ in source.names_and_tokens()]
    assert first == list(GENOME) == [name for name, _ in source.names_and_tokens()]
    assert (source.count, source.total_bases) == (2, 18)


def test_the_digest_is_that_of_names_letters_and_order(tmp_path: Path, genome: Path) -> None:
    def digest(text: str) -> str | None:
        genome.write_text(text)
        source = open_sequences(genome)
        list(source.sequences())
        return source.digest

    same = digest(FASTA)
    assert digest(FASTA.lower().replace("chr", "chr")) == same
    assert digest(FASTA.replace("GGG", "GGC")) != same
    assert digest(FASTA.replace("chr2", "chr3")) != same
    assert digest(">chr2\nGGGATC\n>chr1\nACGTACGGTTNA\n") != same


def test_places_of_bed_are_read_on_their_strand_and_not_merged(
    tmp_path: Path, genome: Path
) -> None:
    bed = tmp_path / "places.bed"
    bed.write_text(
        "track name=x\nchr1\t0\t4\ta\t0\t+\nchr1\t2\t9\tb\t0\t-\n# no\nchr2\t0\t6\tc\t0\t.\n"
    )
    assert read(bed, genome=genome) == {"a": "ACGT", "b": "ACCGTAC", "c": "GGGATC"}
    bed.write_text("chr1\t0\t4\ta\t0\t+\nchr1\t2\t9\ta\t0\t-\n")
    assert read(bed, genome=genome) == {"chr1:1-4(+)": "ACGT", "chr1:3-9(-)": "ACCGTAC"}
    bed.write_text("chr1 0 4\n")
    assert read(bed, genome=genome) == {"chr1:1-4(.)": "ACGT"}


def test_tables_are_named_by_id_or_by_row(tmp_path: Path) -> None:
    csv = tmp_path / "t.csv"
    csv.write_text('\ufeffID,x,Sequence\ne1,"a,b",acgt\ne2,,GGG\n')
    assert read(csv) == {"e1": "ACGT", "e2": "GGG"}
    tsv = tmp_path / "t.txt.gz"
    tsv.write_bytes(gzip.compress(b"sequence\tlabel\r\nACGT\tx\r\nGGG\ty\r\n"))
    assert read(tsv) == {"1": "ACGT", "2": "GGG"}
    labels = [found.label for found in open_sequences(tsv, label="Label").sequences()]
    assert labels == ["x", "y"]
    parquet = tmp_path / "t.parquet"
    pq.write_table(pa.table({"sequence": ["ACGT", "GGG"], "id": [7, 9]}), parquet)
    assert read(parquet) == {"7": "ACGT", "9": "GGG"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (FASTA, GENOME),
        ("id,sequence\na,ACGT\n", {"a": "ACGT"}),
        ("ACGT\n\nGGG\n", {"1": "ACGT", "2": "GGG"}),
    ],
)
def test_standard_input_is_fasta_a_table_or_lines(
    monkeypatch: pytest.MonkeyPatch, content: str, expected: dict[str, str]
) -> None:
    stdin(monkeypatch, content)
    source = open_sequences("-")
    for _ in range(2):
        found = {name: dna.decode(tokens) for name, tokens in source.names_and_tokens()}
        assert found == expected


def test_text_is_read_from_tables_with_the_modality_of_the_model(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("sequence\nGrüße\n")
    (found,) = open_sequences(table, modality=TEXT).sequences()
    assert bytes(found.tokens).decode() == "Grüße"


def bad_parquet(path: Path, **columns: list[object]) -> None:
    pq.write_table(pa.table(columns), path)


MALFORMED = {
    "a row that is not DNA": ("t.csv", "sequence\nACGT\nACEEE\n", "line 3: sequence, position 3"),
    "an empty sequence": ("t.csv", "id,sequence\na,ACGT\nb,\n", "line 3: the sequence is empty"),
    "no column sequence": (
        "t.csv",
        "id,seq\na,ACGT\n",
        "line 1: no column 'sequence', but id, seq",
    ),
    "another number of fields": ("t.csv", "id,sequence\na,AC,GT\n", "line 2: 3 fields"),
    "an empty id": ("t.csv", "id,sequence\n,ACGT\n", "line 2: the id is empty"),
    "two columns of one name": ("t.csv", "sequence,Sequence\nA,C\n", "two columns have one name"),
    "a table without rows": ("t.csv", "id,sequence\n", "a header and no rows"),
    "bytes that are no text": (
        "t.csv",
        "id,sequence\na,ACGT\nb,A\xff",
        "line 3: byte 0xff is not UTF-8",
    ),
    "no records": ("t.fa", "\n", "expected FASTA"),
    "an empty record": ("t.fa", ">a\n>b\nACGT\n", "record a, line 1: the record has no bases"),
    "an unknown chromosome": ("t.bed", "chr1\t0\t4\nchr9\t0\t4\n", "line 2: no record 'chr9'"),
    "a place beyond the end": ("t.bed", "chr2\t0\t7\n", "line 1: the end, 7, lies beyond chr2"),
    "a place without bases": ("t.bed", "chr2\t3\t3\n", "line 1: the start and the end are both 3"),
    "no number": ("t.bed", "chr2\t0\t3\nchr2\tx\t3\n", "line 2: the start is 'x'"),
    "no record": ("t.bed", "chr2\t0\t3\n\t0\t3\n", "line 2: the line begins with a tab"),
    "a strand that is none": ("t.bed", "chr2\t0\t3\ta\t0\tplus\n", "line 1: the strand is 'plus'"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_input_is_named_with_its_place(tmp_path: Path, genome: Path, case: str) -> None:
    name, content, words = MALFORMED[case]
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        read(path, **({"genome": genome} if name == "t.bed" else {}))
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


def test_records_whose_names_repeat_are_told_by_their_whole_headers(tmp_path: Path) -> None:
    fasta = tmp_path / "t.fa"
    fasta.write_text(">seq 0\nAC\n>seq 1 x\nGT\n>other\nA\n")
    assert read(fasta) == {"seq 0": "AC", "seq 1 x": "GT", "other": "A"}
    fasta.write_text(">a\nAC\n>a\nGT\n>b kept short\nA\n")
    found = [(name, dna.decode(own)) for name, own in open_sequences(fasta).names_and_tokens()]
    assert found == [("a", "AC"), ("a", "GT"), ("b kept short", "A")]
    fasta.write_text(">a 1\nAC\n>b 2\nGT\n")
    assert read(fasta) == {"a": "AC", "b": "GT"}


def test_a_row_of_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    bad_parquet(path, sequence=["ACGT", "AC-T"])
    with pytest.raises(InputError, match=r"t\.parquet: row 2: sequence, position 3: .*gap"):
        read(path)
    bad_parquet(path, sequence=["ACGT", None])
    with pytest.raises(InputError, match="row 2: the sequence is empty"):
        read(path)
    bad_parquet(path, sequence=[1, 2])
    with pytest.raises(InputError, match="column 'sequence' is int64, expected strings"):
        read(path)
    bad_parquet(path, letters=["A"])
    with pytest.raises(InputError, match="no column 'sequence', but letters"):
        read(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match="is a damaged Parquet file"):
        read(path)


def test_a_fault_of_standard_input_is_named_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, "ACGT\nAC!T\n")
    with pytest.raises(InputError, match=r"^standard input: line 2: sequence, position 3"):
        list(open_sequences("-").sequences())


def test_what_does_not_go_together_is_misuse(tmp_path: Path, genome: Path) -> None:
    bed = tmp_path / "t.bed"
    bed.write_text("chr1\t0\t4\n")
    for source, options, words in (
        (bed, {}, "genome: .* is BED, places without letters"),
        (genome, {"reading": Reading(genome)}, "genome: is for BED"),
        (genome, {"label": "kind"}, "label: is a column of a table"),
        (genome, {"modality": TEXT}, "the model reads text; give a table"),
        (tmp_path / "none.fa", {}, "no such file"),
    ):
        with pytest.raises(InputError, match=words):
            open_sequences(source, **options)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_ids_that_are_there_twice_are_refused_only_where_rows_are_found_by_id(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("h5py")
    table = tmp_path / "t.csv"
    table.write_text("id,sequence\na,ACGT\na,GGGA\n")
    command = ["embed", str(checkpoint), str(table), "--device", "cpu", "--out"]
    assert main([*command, str(tmp_path / "v.h5ad")]) == 1
    assert "sequence 2: the id 'a' is there twice" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "v.npy")]) == 0
    assert (tmp_path / "v.ids.txt").read_text() == "a\na\n"


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_anndata_reads_what_is_written(checkpoint: Path, tmp_path: Path, suffix: str) -> None:
    anndata = pytest.importorskip("anndata")
    table = tmp_path / "t.csv"
    table.write_text("id,sequence,kind\na,ACGTTGCA,x\nb,GGGATTA,y\nc,ACCA,x\n")
    out = tmp_path / f"v.{suffix}"
    command = ["embed", str(checkpoint), str(table), "--out", str(out), "--device", "cpu"]
    assert main([*command, "--label", "kind"]) == 0
    found = getattr(anndata, f"read_{suffix}")(out)
    model = HNetForCausalLM.from_pretrained(checkpoint)
    expected = embed(model, ["ACGTTGCA", "GGGATTA", "ACCA"])
    np.testing.assert_allclose(found.X, expected, atol=1e-5)
    assert list(found.obs_names) == ["a", "b", "c"]
    assert list(found.obs["label"]) == ["x", "y", "x"]
    assert list(found.obs["length"]) == [8, 7, 4]
    assert found.uns["pooling"] == "chunks"
    assert found.uns["model"] == json.loads(out.with_suffix(".json").read_text())["model"]["sha256"]


def test_the_name_of_another_json_file_is_not_taken(
    checkpoint: Path, genome: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (genome.parent / "run.json").write_text('{"unit": "base"}')
    command = ["embed", str(checkpoint), str(genome), "--out", str(genome.parent / "run.npy")]
    assert main(command) == 2
    assert "is something else; rename --out" in capsys.readouterr().err
    assert (genome.parent / "run.json").read_text() == '{"unit": "base"}'


def test_a_model_of_bytes_embeds_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = {**LAYOUTS["one stage"], "vocab_size": 256, "ssm_cfg": {"d_state": 16}}
    shape["attn_cfg"] = {
        "num_heads": [4, 4],
        "rotary_emb_dim": [8, 8],
        "window_size": [7, -1],
    }
    model = HNetForCausalLM(HNetConfig.from_dict(shape)).eval()
    model.metadata["modality"] = "text"
    model.save_pretrained(tmp_path / "model")
    table = tmp_path / "t.csv"
    table.write_text("sequence\nGrüße\nA cat.\n")
    command = ["embed", str(tmp_path / "model"), str(table), "--device", "cpu", "--out"]
    assert main([*command, str(tmp_path / "v.npy")]) == 0
    assert "2 sequences, 13 tokens" in capsys.readouterr().err
    expected = embed(model, ["Grüße", "A cat."])
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), expected, atol=1e-5)
    assert main([*command, str(tmp_path / "w.npy"), "--strands", "average"]) == 2
    assert "text has one strand; use none" in capsys.readouterr().err


TWELVE = "chr1\t0\t9\tx\t0\t-\t0\t9\t0\t2\t3,2,\t0,7,\nchr2\t0\t4\ty\n"


def test_blocks_are_joined_on_their_strand_or_told(
    tmp_path: Path, genome: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bed = tmp_path / "t.bed"
    bed.write_text(TWELVE)
    whole = read(bed, genome=genome)
    assert "note: " in (said := capsys.readouterr().err)
    assert "1 BED row has blocks, which are ignored" in said
    assert whole == {"x": "ACCGTACGT", "y": "GGGA"}
    assert read(bed, genome=genome, blocks=True) == {"x": "ACCGT", "y": "GGGA"}
    assert capsys.readouterr().err == ""


def test_rows_of_a_table_are_chosen_and_a_header_of_bed_is_skipped(
    tmp_path: Path, genome: Path
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("Fold,sequence,id\n1,ACGT,a\n2,GGG,b\n1,TT,c\n")
    assert read(table, where=RowFilter({"fold": ["1"]})) == {"a": "ACGT", "c": "TT"}
    with pytest.raises(UsageError, match="where: is for rows of a table"):
        open_sequences(genome, Reading(where=RowFilter({"fold": ["1"]})))
    bed = tmp_path / "t.bed"
    bed.write_text("chrom\tstart\tend\nchr2\t0\t4\n")
    assert read(bed, genome=genome) == {"chr2:1-4(.)": "GGGA"}
    with pytest.raises(UsageError, match=r"genome: .* is BED"):
        open_sequences(bed)


def test_columns_that_no_row_is_told_of_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("#ID,sequence,factor,chrom,Split\na,ACGT,x,chr1,train\n")
    found = open_sequences(path, Reading(where=RowFilter.parse(["split=train"])), label="Factor")
    assert list(found.left_out) == ["chrom"]
    path = tmp_path / "x.fa"
    path.write_text(FASTA)
    assert list(open_sequences(path).left_out) == []


def test_embed_says_which_columns_it_does_not_keep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path / "run")
    (tmp_path / "t.csv").write_text("sequence,factor,chrom\nACGT,x,chr1\n")
    command = ["embed", f"{tmp_path / 'run'}", f"{tmp_path / 't.csv'}", "--label", "factor"]
    assert main([*command, "--out", f"{tmp_path / 'v.parquet'}", "--device", "cpu"]) == 0
    assert "t.csv: not kept: chrom; --label keeps a column\n" in capsys.readouterr().err
