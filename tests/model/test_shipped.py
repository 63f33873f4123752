"""Models that come with the package: by name wherever a checkpoint is taken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hnet_seq import HNetForCausalLM, load_pretrained
from hnet_seq.cli import main
from hnet_seq.experiment_files import shipped
from hnet_seq.model import shipped as shelf
from hnet_seq.model.locate import locate
from hnet_seq.model.released import released_names
from tests.conftest import make_model

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the package's: one model, ``tiny``; the working directory is another."""
    home, work = tmp_path / "weights", tmp_path / "work"
    model = make_model("one stage")
    model.metadata |= {"modality": "dna", "seed": "0", "residual_proj": "zero"}
    model.save_pretrained(home / "tiny")
    (home / "tiny/card.json").write_text(json.dumps({"summary": "a small one"}))
    (home / "tiny/README.md").write_text("# tiny\n\nfigures: 1.9 bits\n")
    (home / "notes").mkdir()  # no model
    work.mkdir()
    monkeypatch.setattr(shelf, "FOLDER", home)
    monkeypatch.chdir(work)
    rng = np.random.default_rng(0)
    bases = ["".join(rng.choice([*"ACGT"], 60)) for _ in range(24)]
    Path("windows.fa").write_text("".join(f">w{n}\n{s}\n" for n, s in enumerate(bases)))
    Path("genome.fa").write_text(f">chr1\n{''.join(bases)}\n")
    rows = [f"{s},{'ab'[n % 2]},{'train' if n < 16 else 'test'}" for n, s in enumerate(bases)]
    Path("labelled.csv").write_text("sequence,label,split\n" + "\n".join(rows) + "\n")
    return home


VERBS = {
    "embed": "embed tiny windows.fa --out v.parquet",
    "embed its twin": "embed tiny windows.fa --twin --out t.npy",
    "segment": "segment tiny genome.fa --bed chunks.bed",
    "score": "score tiny windows.fa --out scores.tsv",
    "classify": "classify train tiny --data labelled.csv --out probe",
    "boundaries": "boundaries stability tiny genome.fa --places 20 --out about",
    "generate": "generate tiny --prompt ACGT --max-new-tokens 4",
    "info": "info tiny",
}


@pytest.mark.parametrize("line", VERBS.values(), ids=VERBS)
def test_every_verb_takes_the_name(folder: Path, line: str, capsys: Capture) -> None:
    assert main(line.split()) == 0, capsys.readouterr().err


def test_a_classifier_keeps_the_name(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    assert (
        main(["classify", "train", "tiny", "--data", "labelled.csv", "--no-twin", "--out", "probe"])
        == 0
    )
    shutil.copytree("probe", tmp_path / "elsewhere/probe")
    shutil.copy("windows.fa", tmp_path / "elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "elsewhere")
        assert main(["classify", "predict", "probe/probe.npz", "windows.fa", "--out", "p.tsv"]) == 0


def test_training_begins_with_it(folder: Path) -> None:
    shards = "shard genome.fa --validation last:0.2 --guard 0 --out shards"
    assert main(shards.split()) == 0
    Path("my.yaml").write_text(
        "data: {context: 64, batch_tokens: 128}\n"
        "train: {steps: 1, validate_every: 0, ratio_loss: {targets: [3.0], weights: [1.0]}}\n"
    )
    assert main(["pretrain", "my.yaml", "--data", "shards", "--init", "tiny", "--out", "next"]) == 0
    assert json.loads(Path("next/run.json").read_text())["init"]["checkpoint"] == "tiny"


def test_python_takes_the_name(folder: Path) -> None:
    ids = torch.arange(50) % 4
    expected = make_model("one stage")(ids).logits
    for model in (HNetForCausalLM.from_pretrained("tiny", "cpu"), load_pretrained("tiny", "cpu")):
        assert torch.equal(model(ids).logits, expected)


def test_what_is_on_disk_comes_first(folder: Path) -> None:
    assert locate("tiny").folder == folder / "tiny"
    make_model("one stage", seed=5).save_pretrained("tiny")
    assert locate("tiny").folder == Path("tiny")
    (Path("tiny") / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="is found where nothing else has its name"):
        locate("tiny")
    shutil.rmtree("tiny")
    Path("tiny").write_text("a note")
    with pytest.raises(ValueError, match=r"tiny: not weights.* where nothing else has its name"):
        locate("tiny")


def test_other_names_are_told_what_there_is(folder: Path, capsys: Capture) -> None:
    assert main(["embed", "tny", "windows.fa", "--out", "v.npy"]) == 1
    said = capsys.readouterr().err
    assert "tny: no such file or folder" in said
    assert said.rstrip().endswith("by name there is tiny")
    with pytest.raises(ValueError, match="tiny: comes with this package; a revision goes with"):
        locate("tiny", revision="v2")
    assert main(["report", "tiny"]) == 2
    assert "hnet-seq info tiny has its figures" in capsys.readouterr().err


def test_info_lists_them_and_shows_a_card(folder: Path, capsys: Capture) -> None:
    assert main(["info"]) == 0
    assert "  tiny: a small one" in capsys.readouterr().out.splitlines()
    assert main(["info", "tiny"]) == 0
    assert capsys.readouterr().out.endswith("# tiny\n\nfigures: 1.9 bits\n")
    assert main(["info", "tiny", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["card"] == {"summary": "a small one"}


def test_a_name_means_one_thing() -> None:
    assert not set(shelf.shipped_names()) & {*released_names(), *shipped()}
