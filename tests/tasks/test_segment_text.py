"""`hnet-seq segment` for models of bytes: its table, file and examples, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.analysis.text_boundaries import TextBoundaries
from hnet_seq.analysis.text_examples import MARK
from hnet_seq.cli import main
from hnet_seq.jobs.ranks import Ranks
from hnet_seq.model.streaming import attention_window
from hnet_seq.tasks.byte_documents import MarkedDocument, from_shards
from hnet_seq.tasks.segmentation.compute import records
from hnet_seq.tasks.segmentation.text import text_job
from hnet_seq.tasks.shard import shard
from modalities.errors import InputError
from modalities.text import with_markers
from pipelines.storage.json_records import as_json

RNG = np.random.default_rng(0)
WORDS = ["the", "cat", "x_1", "=", "42;", "山水", "\n"]


def segment_text(
    model: HNetForCausalLM,
    documents: Iterable[MarkedDocument],
    *,
    batch_tokens: int = 8192,
    window: int | None = None,
    cache_limit: int = 1 << 30,
) -> Iterator[tuple[MarkedDocument, RecordBoundaries]]:
    """Documents and their boundaries, computed as they are asked for."""
    job = text_job(
        model,
        lambda: iter(documents),
        [],
        batch_tokens=batch_tokens,
        window=window,
        cache_limit=cache_limit,
    )
    with attention_window(model, window), job.run(Ranks()) as computed:
        assert computed is not None
        for own, boundaries in records(computed):
            assert own.document is not None
            yield own.document, boundaries


def make_model(modality: str = "text", layout: list | None = None) -> HNetForCausalLM:
    """A small model that cuts here and there."""
    stages = 1 if layout and len(layout) == 1 else 3
    config = {
        "arch_layout": layout or ["m1", ["m1", ["T1"], "m1"], "m1"],
        "d_model": [32] * stages,
        "d_intermediate": [64] * stages,
        "vocab_size": 256,
        "ssm_cfg": {"d_state": 16},
        "attn_cfg": {
            "num_heads": [2] * stages,
            "rotary_emb_dim": [8] * stages,
            "window_size": [-1] * stages,
        },
    }
    model = HNetForCausalLM(HNetConfig.from_dict(config), seed=3)
    generator = torch.Generator().manual_seed(3)
    for name, weight in model.named_parameters():
        if "k_proj_layer" in name:
            weight.data = torch.randn(weight.shape, generator=generator) / 6
    model.metadata["modality"] = modality
    return model.eval()


@pytest.fixture(scope="module")
def model() -> HNetForCausalLM:
    return make_model()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, model: HNetForCausalLM) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JSON lines of two languages."""
    path = tmp_path_factory.mktemp("lines") / "code.jsonl"
    rows = [
        {
            "path": f"{number}.{ending}",
            "lang": language,
            "text": " ".join(RNG.choice(WORDS, int(RNG.integers(20, 80)))),
        }
        for number in range(8)
        for language, ending in (("python", "py"), ("c", "c"))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, lines: Path) -> Path:
    out = tmp_path_factory.mktemp("shards") / "code"
    command = ["shard", f"{lines}", "--modality", "code", "--out", f"{out}", "--workers", "1"]
    assert main([*command, "--validation", "fraction:0.5", "--duplicates", "keep"]) == 0
    return out


@pytest.mark.parametrize("batch_tokens", [10_000, 300, 7])
def test_documents_come_in_order_and_equal_a_single_pass(
    model: HNetForCausalLM, batch_tokens: int
) -> None:
    documents = [
        MarkedDocument("same name", str(size), with_markers(RNG.bytes(size).hex()[:size].encode()))
        for size in (0, 1, 400, 3, 50)
    ]
    found = list(segment_text(model, documents, batch_tokens=batch_tokens))
    assert [document.label for document, _ in found] == ["0", "1", "400", "3", "50"]
    for document, boundaries in found:
        with torch.inference_mode():
            ids = torch.from_numpy(np.array(document.tokens)).long()
            expected = model(ids).boundaries[0].boundary_mask.numpy()
        assert boundaries.mask(0).tolist() == expected.tolist()
    cuts = found[2][1].count(0)
    assert 1 < found[2][1].count(1) < cuts < 402


def test_the_table_and_the_file_are_of_the_validation_split(
    model: HNetForCausalLM,
    checkpoint: Path,
    shards: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    capsys.readouterr()
    assert main(["segment", f"{checkpoint}", "--shards", f"{shards}", "--out", f"{out}"]) == 0
    found = json.loads((out / "text_boundaries.json").read_text())
    statistics = TextBoundaries()
    for document, boundaries in segment_text(model, from_shards(shards, "validation")):
        statistics.add(document.label, document.tokens, boundaries.mask(0))
    expected = as_json(statistics.summary())
    assert {key: found[key] for key in expected} == expected
    assert (found["stage"], found["split"], found["inputs"]) == (0, "validation", ["code"])
    said = capsys.readouterr()
    heads = [line.split(":")[0] for line in said.out.splitlines() if "documents" in line]
    assert heads == ["c", "python", "all"]
    spaces = [line.split() for line in said.out.splitlines() if "whitespace  " in line]
    shares = [f"{label['kinds'][0]['share']:.3f}" for label in found["labels"]]
    assert [row[1] for row in spaces if row[0] == "whitespace"][:2] == shares
    assert "peak memory" in said.err.splitlines()[-1]
    assert [path.name for path in out.iterdir()] == ["text_boundaries.json"]


def test_deeper_stages_cut_less(checkpoint: Path, shards: Path, tmp_path: Path) -> None:
    boundaries = []
    for stage in (0, 1):
        out = tmp_path / str(stage)
        command = ["segment", f"{checkpoint}", "--shards", f"{shards}", "--out", f"{out}"]
        assert main([*command, "--stage", f"{stage}"]) == 0
        found = json.loads((out / "text_boundaries.json").read_text())
        assert found["stage"] == stage
        boundaries.append(found["all"]["boundaries"])
    assert boundaries[0] > boundaries[1] > 0


def test_files_are_read_as_shards_are(
    checkpoint: Path, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "poem.txt"
    plain.write_text("山水 and\n" * 30, encoding="utf-8")
    (tmp_path / "empty.txt").write_text("")
    command = ["segment", f"{checkpoint}", f"{plain}", f"{lines}", f"{tmp_path / 'empty.txt'}"]
    assert main([*command, "--out", f"{tmp_path / 'out'}"]) == 0
    found = json.loads((tmp_path / "out" / "text_boundaries.json").read_text())
    assert {row["label"]: row["documents"] for row in found["labels"]} == {
        "": 1,
        "c": 8,
        "python": 8,
    }
    assert (found["split"], found["inputs"][:2]) == (None, ["poem.txt", "code.jsonl"])
    assert "left out: 1 empty" in capsys.readouterr().err


def test_examples_show_the_text_with_its_cuts(
    model: HNetForCausalLM, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "The cat sat on the mat, 42 times. "
    path = tmp_path / "a.txt"
    path.write_text(text * 2)
    assert main(["segment", f"{checkpoint}", f"{path}", "--show", "3"]) == 0
    head, shown = capsys.readouterr().out.rstrip("\n").split("\n\n")[-1].split("\n")
    assert head == f"a.txt, bytes 0 to 68, {MARK} before each chunk:"
    assert shown.replace(MARK, "") == text * 2
    document = MarkedDocument("", "", with_markers((text * 2).encode()))
    ((_, boundaries),) = segment_text(model, [document])
    assert shown.count(MARK) == np.count_nonzero(boundaries.mask(0)[1:-1])


def test_what_cannot_be_meant_is_one_line(
    checkpoint: Path, shards: Path, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fasta, dna, whole = tmp_path / "g.fa", tmp_path / "dna", tmp_path / "whole"
    fasta.write_text(f">a\n{'ACGGT' * 500}\n")
    common = ["--validation", "last:0.1", "--workers", "1"]
    assert main(["shard", f"{fasta}", "--out", f"{dna}", *common]) == 0
    command = ["shard", f"{lines}", "--modality", "code", "--out", f"{whole}", "--workers", "1"]
    assert main(command) == 0
    flat, letters, bases = (tmp_path / name for name in ("flat", "letters", "bases"))
    make_model(layout=["m1"]).save_pretrained(flat)
    make_model("dna_bytes").save_pretrained(letters)
    make_model("dna").save_pretrained(bases)
    model, folder, file = f"{checkpoint}", f"{shards}", f"{lines}"
    for arguments, code, says in (
        ([model], 2, "give files or folders of text, or --shards DIR"),
        ([model, file, "--shards", folder], 2, "give files or folders of text, or --shards"),
        ([model, file, "--bed", f"{tmp_path / 'b'}"], 2, "--bed: is for DNA"),
        ([model, file, "--region", "a"], 2, "was trained on text"),
        ([model, file, "--stage", "2"], 2, "has stages 0 to 1; got 2"),
        ([model, file, "--show", "-1"], 2, "--show: is -1"),
        ([model, f"{tmp_path / 'none'}"], 1, "no such file"),
        ([model, "--shards", f"{dna}"], 1, "holds dna;"),
        ([model, "--shards", f"{whole}"], 1, "has no validation split"),
        ([f"{flat}", file], 1, f"{flat}: the model is isotropic"),
        ([f"{letters}", f"{fasta}"], 2, "a model of dna_bytes reads shards"),
        (
            [f"{bases}", "--shards", f"{dna}"],
            2,
            "--shards: is for text and code;",
        ),
        ([f"{bases}", f"{fasta}", "--show", "1"], 2, "--show: is for text and code;"),
    ):
        capsys.readouterr()
        assert main(["segment", *arguments]) == code
        said = capsys.readouterr()
        assert says in said.err
        assert (said.out, said.err.count("\n")) == ("", 1)


def test_a_document_beyond_the_cache_limit_is_named() -> None:
    model = make_model(layout=["m1", ["T1", ["m1"], "m1"], "m1"])
    document = MarkedDocument("long.txt", "", with_markers(RNG.bytes(450).hex().encode()))
    with pytest.raises(InputError, match=r"^long\.txt: over 902 tokens .*`window`"):
        list(segment_text(model, [document], batch_tokens=64, cache_limit=10))
    ((_, found),) = segment_text(model, [document], batch_tokens=64, cache_limit=10, window=8)
    assert found.count(0) > 1


def test_documents_of_several_folders_are_told_apart(
    checkpoint: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("One thing after another.\n" * 40)
    shard([notes], tmp_path / "prose", modality="text", validation="last:0.5", progress=False)
    out = tmp_path / "out"
    command = ["segment", f"{checkpoint}", "--shards", f"{shards}"]
    assert main([*command, "--shards", f"{tmp_path / 'prose'}/", "--out", f"{out}"]) == 0
    found = json.loads((out / "text_boundaries.json").read_text())
    alone = [document.label for document in from_shards(shards, "validation")]
    assert {label["label"] for label in found["labels"]} == {*alone, "prose"}
    assert found["inputs"] == ["code", "prose"]
    assert "prose: 1 documents" in capsys.readouterr().out


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_input_with_nothing_to_cut_leaves_nothing_beside_the_output(
    checkpoint: Path,
    ranks: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty.txt").write_text("")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", f"{ranks}")
    line = ["segment", f"{checkpoint}", f"{tmp_path / 'empty.txt'}", "--device", "cpu"]
    assert main([*line, "--out", f"{tmp_path / 'out'}"]) == 1
    assert "empty.txt: has no text to cut" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["empty.txt"]
