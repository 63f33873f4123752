"""classify finetune --lora: an adapter that predict, evaluate and embed read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from hnet_seq.cli import main
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.train.step import OptimizerStep
from tests.conftest import make_model
from tests.forked import end_all, ranks
from tests.tasks.conftest import half_of, of_few_layers

HEAD = HeadConfig("single_label", ["alpha", "zeta"], "bases")
QUICK = ["--epochs", "2", "--batch-tokens", "800", "--seeds", "2", "--lora", "4"]


def run(*arguments: str | Path) -> int:
    return main(["classify", *map(str, arguments)])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return of_few_layers(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def table(table: Path) -> Path:
    return half_of(table)


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
    make_model("few layers", seed=9).save_pretrained(tmp_path / "other")
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


def test_what_it_begins_with_is_never_replaced(
    checkpoint: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the checkpoint nor what an adapter stands on; whole weights neither."""
    own = tmp_path / "own"
    make_model("one stage").save_pretrained(own / "model")
    tuned = HNetForSequenceClassification.from_pretrained(own / "model", HEAD, device="cpu")
    tuned.adapt(2, ["mlp"])
    tuned.save_pretrained(tmp_path / "upper")
    kept = {file: file.read_bytes() for file in sorted((own / "model").iterdir())}
    for start in (own / "model", own / "model" / "model.safetensors", tmp_path / "upper"):
        for words in (["--lora", "4"], []):
            assert run("finetune", start, "--data", table, "--out", own, *words) == 2
            said = capsys.readouterr().err.strip()
            assert "--out: would replace" in said
            assert "\n" not in said
    assert {file: file.read_bytes() for file in sorted((own / "model").iterdir())} == kept
    assert [*own.iterdir()] == [own / "model"]


def test_what_is_kept_of_a_base_with_another_head_counts(
    checkpoint: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = HeadConfig("single_label", ["alpha", "zeta"], "attention_bases")
    below = HNetForSequenceClassification.from_pretrained(checkpoint, head, device="cpu")
    below.adapt(2, ["mamba2"])
    below.save_pretrained(tmp_path / "below")
    words: list[str | Path] = ["finetune", tmp_path / "below", "--data", table]
    words += ["--out", tmp_path / "out"]
    words += ["--pooling", "bases", "--epochs", "1", "--lora", "2", "--no-twin"]
    assert run(*words) == 0
    capsys.readouterr()
    assert run(*words) == 0
    assert "seed 0 is finished" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo"
)
def test_two_processes_leave_an_adapter_as_one_does(
    checkpoint: Path, table: Path, tmp_path: Path
) -> None:
    words = ["classify", "finetune", f"{checkpoint}", "--data", f"{table}", "--device", "cpu"]
    words += ["--epochs", "1", "--lora", "4", "--no-twin", "--out"]
    ended = end_all(ranks(2, main, [*words, f"{tmp_path / 'two'}"], folder=tmp_path))
    assert [own.code for own in ended] == [0, 0], ended[0].err + ended[1].err
    assert main([*words, f"{tmp_path / 'one'}"]) == 0
    one, two = tmp_path / "one/model", tmp_path / "two/model"
    assert {file.name for file in one.iterdir()} == {file.name for file in two.iterdir()}
    assert (one / "adapter.json").read_bytes() == (two / "adapter.json").read_bytes()
    found, expected, plain = (
        HNetForSequenceClassification.from_pretrained(path, HEAD, device="cpu").state_dict()
        for path in (two, one, checkpoint)
    )
    learned = [name for name, value in plain.items() if not torch.equal(value, expected[name])]
    assert learned
    for name, value in plain.items():
        if name not in learned:
            assert torch.equal(found[name], value), name
        else:
            # Adam makes steps of the smallest gradients too, which rounding decides.
            apart = (found[name] - expected[name]).norm() / (expected[name] - value).norm()
            assert apart < 0.5, name
