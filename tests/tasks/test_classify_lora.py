"""classify finetune --lora: an adapter that predict, evaluate and embed read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.train.step import OptimizerStep
from tests.conftest import make_model

QUICK = ["--epochs", "2", "--batch-tokens", "800", "--seeds", "2", "--lora", "4"]


def run(*arguments: str | Path) -> int:
    return main(["classify", *map(str, arguments)])


@pytest.fixture(scope="module")
def tuned(checkpoint: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    assert run("finetune", checkpoint, "--data", table, "--out", out, *QUICK) == 0
    return out


def test_the_model_is_an_adapter(tuned: Path, checkpoint: Path) -> None:
    files = {file.name for file in (tuned / "model").iterdir()}
    assert {"adapter.safetensors", "adapter.json", "head.json"} <= files
    assert "model.safetensors" not in files
    assert (tuned / "model" / "adapter.safetensors").stat().st_size < 400_000
    results = json.loads((tuned / "classification.json").read_text())
    assert results["fine_tuned"]["lora"] == 4
    assert results["fine_tuned"]["lora_targets"] == ["attention", "mamba2", "router"]


def test_predict_and_embed_read_it(
    tuned: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", tuned, table, "--split", "test") == 0
    assert run("predict", tuned, table, "--out", tmp_path / "p.tsv") == 0
    sequences = tmp_path / "s.fa"
    sequences.write_text(">a\nACGTACGTACGGT\n>b\nTTTACG\n")
    out = tmp_path / "v.npy"
    assert main(["embed", str(tuned / "model"), str(sequences), "--out", str(out)]) == 0
    base = json.loads((tuned / "model" / "adapter.json").read_text())["base"]
    other = tmp_path / "w.npy"
    assert main(["embed", base, str(sequences), "--out", str(other)]) == 0
    assert np.abs(np.load(out) - np.load(other)).max() > 1e-6


def test_another_base_is_one_line(
    tuned: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_model("one stage", seed=9).save_pretrained(tmp_path / "other")
    capsys.readouterr()
    code = run("predict", tuned, table, "--checkpoint", tmp_path / "other")
    said = capsys.readouterr().err.strip()
    assert code == 1
    assert "was trained on weights with sha256" in said
    assert "\n" not in said


def test_a_killed_run_goes_on_to_the_same_bytes(
    tuned: Path, checkpoint: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    take = OptimizerStep.take

    def dies(self: OptimizerStep, *arguments: object) -> object:
        if len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(1)
        return take(self, *arguments)  # type: ignore[arg-type]

    options = ["--save-every", "1", *QUICK]
    monkeypatch.setattr(OptimizerStep, "take", dies)
    assert run("finetune", checkpoint, "--data", table, "--out", tmp_path / "out", *options) != 0
    monkeypatch.setattr(OptimizerStep, "take", take)
    assert run("finetune", checkpoint, "--data", table, "--out", tmp_path / "out", *options) == 0
    for name in ("adapter.safetensors", "adapter.json"):
        assert (tmp_path / "out/model" / name).read_bytes() == (tuned / "model" / name).read_bytes()


def test_what_is_written_in_vain_is_an_error(
    checkpoint: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        (["--lora-targets", "mlp"], "lora"),
        (["--lora", "4", "--part", "head"], "part"),
        (["--lora", "4", "--lora-targets", "q"], "lora"),
        (["--lora", "-1"], "lora"),
    ):
        assert run("finetune", checkpoint, "--data", table, "--out", tmp_path / "o", *words) == 2
        assert said in capsys.readouterr().err


def test_the_backbone_is_that_of_the_base(tuned: Path) -> None:
    """Adapters are merged where the folder is read: nothing of them is left to be passed over."""
    model = HNetForSequenceClassification.from_pretrained(tuned / "model", device="cpu")
    assert not [name for name, _ in model.named_parameters() if "parametrizations" in name]
