"""``hnet-seq lexicon`` of what has no words, no control, or quotes, or its output inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hnet_seq.cli import main
from hnet_seq.report.page import build_results_page
from hnet_seq.tasks.lexicons.sources import sampled_spans
from tests.tasks.lexicon_runs import cut_after_t, lexicon, record_of, rows_of, ruled


@pytest.fixture(scope="module")
def after_t(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_after_t(tmp_path_factory.mktemp("rule") / "model")


def test_nothing_to_cut_is_an_error(tmp_path: Path, after_t: Path, capsys: Any) -> None:
    (tmp_path / "n.fa").write_text(">a\nNNNNNNNN\n")
    lexicon(after_t, tmp_path / "n.fa", "--out", tmp_path / "out")
    (stage,) = record_of(tmp_path / "out").stages
    assert (stage.chunks, stage.words, stage.left_out) == (0, [], 1)
    build_results_page(tmp_path / "out")
    (tmp_path / "e.fa").write_text(">a\n")
    assert main(["lexicon", f"{after_t}", f"{tmp_path / 'e.fa'}", "--out", f"{tmp_path}/o"]) == 1
    assert "e.fa" in capsys.readouterr().err


@pytest.mark.parametrize("wanted", [1, 1_000, 40_000, 10**9])
@pytest.mark.parametrize("size", [1_000, 60_000, 1_000_000])
def test_a_control_is_asked_for_and_there_is_one(wanted: int, size: int) -> None:
    spans = sampled_spans([("a", 0, size)], wanted)["a"]
    assert all(0 <= start < end <= size for start, end in spans)
    assert sum(end - start for start, end in spans) >= 1_000
    assert sampled_spans([("a", 0, size)], 0) == {}


def test_short_records_have_no_control_and_it_is_said(
    after_t: Path, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "g.fa").write_text(f">a\n{'ACGT' * 200}\n")
    lexicon(after_t, tmp_path / "g.fa", "--out", tmp_path / "out", "--no-bpe")
    assert "no control of shuffled sequence: no stretch has 1,000" in capsys.readouterr().err
    (stage,) = record_of(tmp_path / "out").stages
    assert stage.found is None
    for row in rows_of(tmp_path / "out" / "words.tsv"):
        assert {row[name] for name in ("sampled", "shuffled", "to_shuffled", "q")} == {""}
    none = ("--no-bpe", "--shuffled-bases", "0", "--format", "parquet")
    lexicon(after_t, tmp_path / "g.fa", "--out", tmp_path / "out", *none)
    table = pq.read_table(tmp_path / "out" / "words.parquet")
    assert f"{table.schema.field('sampled').type}" == "int64"
    assert set(table["sampled"].to_pylist()) == set(table["shuffled"].to_pylist()) == {None}
    assert "no control" not in capsys.readouterr().err


def test_words_with_quotes_are_read_by_default(tmp_path: Path) -> None:
    rule = {"policy": "delimiters", "tokens": [32, 10]}
    model = ruled(tmp_path / "model", "text", rule, vocabulary=256)
    given = ['"yes" ', '" ', 'no" ', '"" ', "'\"no ", "NA ", "plain "]
    (tmp_path / "t.txt").write_text("".join(given) * 3)
    lexicon(model, tmp_path / "t.txt", "--out", tmp_path / "tsv", "--no-bpe")
    packed = ("--no-bpe", "--format", "parquet")
    lexicon(model, tmp_path / "t.txt", "--out", tmp_path / "packed", *packed)
    rows = rows_of(tmp_path / "tsv" / "words.tsv")
    whole = pq.read_table(tmp_path / "packed" / "words.parquet").to_pylist()
    assert {row["word"] for row in rows} == set(given)
    for name in ("word", "before", "after", "kind"):
        assert [row[name] for row in rows] == [row[name] for row in whole]


@pytest.mark.parametrize("verb", ["lexicon", "segment"])
@pytest.mark.parametrize("inside", ["", "/words", "/a/b", "/../notes/words"])
def test_an_output_in_a_folder_of_text_is_refused(
    tmp_path: Path, capsys: Any, verb: str, inside: str
) -> None:
    rule = {"policy": "delimiters", "tokens": [32]}
    model = ruled(tmp_path / "model", "text", rule, vocabulary=256)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "t.txt").write_text("some text " * 9)
    words = [verb, f"{model}", f"{tmp_path / 'notes'}", "--device", "cpu", "--out"]
    assert main([*words, f"{tmp_path / 'notes'}{inside}"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "is in the input" in said
    assert [path.name for path in (tmp_path / "notes").rglob("*")] == ["t.txt"]
    assert main([*words, f"{tmp_path / 'notes2'}"]) == 0
