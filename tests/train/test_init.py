"""A run that begins with given weights: theirs to the bit, and all else from the start."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hnet_seq.cli import main
from hnet_seq.experiments import load_experiment
from hnet_seq.tasks.pretrain import pretrain
from modalities import dna
from tests.train.runs import TINY, make_shards, metrics, tiny, weights

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on one genome, shards of another and of text."""
    path = tmp_path_factory.mktemp("init")
    for seed, name in enumerate(("first", "second")):
        bases = np.random.default_rng(seed).integers(0, 4, 6000).astype(np.uint8)
        (path / name).mkdir()
        make_shards(path / name, dna.decode(bases))
    (path / "text.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 40)
    command = ["shard", str(path / "text.txt"), "--modality", "text", "--out", str(path / "text")]
    assert main(command) == 0
    assert pretrain(tiny("ecoli_demo", path / "first/shards"), path / "run", device="cpu")
    return path


def source(ground: Path) -> Path:
    return ground / "run/checkpoints/step-000006"


def begin(ground: Path, out: Path, *words: str, data: str = "second/shards") -> int:
    command = ["pretrain", *words, "--data", str(ground / data), "--out", str(out)]
    return main([*command, "--device", "cpu"])


def test_step_0_holds_the_given_weights_and_the_run_begins_anew(
    ground: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert begin(ground, run, "ecoli_demo", *TINY, "--init", str(ground / "run")) == 0
    first = run / "checkpoints/step-000000"  # stays, though two are kept
    given, begun = (load_file(path / "model.safetensors") for path in (source(ground), first))
    assert given.keys() == begun.keys()
    assert all(given[name].numpy().tobytes() == begun[name].numpy().tobytes() for name in given)
    state = torch.load(first / "trainer.pt", weights_only=True)
    assert (state["step"], state["tokens"], state["optimizer"]["state"]) == (0, 0, {})
    training = [record for record in metrics(run) if record["event"] == "train"]
    assert [record["step"] for record in training] == [2, 4, 6]
    sha256 = hashlib.sha256((source(ground) / "model.safetensors").read_bytes()).hexdigest()
    about = json.loads((run / "run.json").read_text())["init"]
    assert about["sha256"] == sha256
    assert about["optimizer"] == "fresh"
    assert load_experiment(run / "config.yaml").train.init == str(ground / "run")
    # As from Python, and from the file alone.
    config = tiny("ecoli_demo", ground / "second/shards")
    file = source(ground) / "model.safetensors"
    assert pretrain(config, tmp_path / "python", init=file, device="cpu")
    assert config.train.init == ""
    assert weights(tmp_path / "python") != weights(ground / "run")
    for name, value in load_file(run / "checkpoints/step-000006/model.safetensors").items():
        other = load_file(tmp_path / "python/checkpoints/step-000006/model.safetensors")[name]
        assert torch.equal(value, other)


def test_an_experiment_without_a_model_takes_the_shape_of_the_weights(
    ground: Path, tmp_path: Path
) -> None:
    experiment = tmp_path / "no_model.yaml"
    experiment.write_text(
        "data: {context: 128, batch_tokens: 512}\n"
        "train: {steps: 1, ratio_loss: {targets: [3.0], weights: [1.0]}}\n"
    )
    run = tmp_path / "run"
    assert begin(ground, run, str(experiment), "--init", str(ground / "run")) == 0
    shape = load_experiment(run / "config.yaml").model
    about = json.loads((source(ground) / "config.json").read_text())
    assert about.pop("model_type") == "hnet_seq"  # for transformers
    assert shape.to_dict() == about


def test_a_kept_optimiser_goes_on_with_its_moments_and_the_new_rates(
    ground: Path, tmp_path: Path, capsys: Capture
) -> None:
    run = tmp_path / "run"
    words = ["ecoli_demo", *TINY, "train.optimizer.learning_rate=0.001"]
    given = ["train.init_optimizer=kept", "--init", str(source(ground))]
    assert begin(ground, run, *words, *given) == 0
    before, begun = (
        torch.load(path / "trainer.pt", weights_only=True)["optimizer"]
        for path in (source(ground), run / "checkpoints/step-000000")
    )
    for number, state in before["state"].items():
        assert torch.equal(state["exp_avg"], begun["state"][number]["exp_avg"])
    assert [group["peak"] for group in begun["param_groups"]] == pytest.approx(
        [group["peak"] / 3 for group in before["param_groups"]]
    )
    # Weights alone have no optimiser.
    bare = tmp_path / "bare"
    shutil.copytree(source(ground), bare, ignore=shutil.ignore_patterns("trainer.pt"))
    assert begin(ground, tmp_path / "no", *words, given[0], "--init", str(bare)) == 2
    assert "train.init_optimizer: is kept" in capsys.readouterr().err
    assert begin(ground, tmp_path / "no", *words, given[0]) == 2
    assert "no --init names a run to keep it of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "data", "code", "said"),
    [
        (["model.d_model=[64,128]"], "second/shards", 2, "model.d_model: is [64, 128], and [64, 6"),
        (["model.vocab_size=9"], "second/shards", 2, "model.vocab_size: is 9, and 8 in "),
        (["model.ssm_cfg.d_state=32"], "second/shards", 2, "model.ssm_cfg.d_state: is 32, and 16"),
        (["model.ssm_cfg.chunk_size=32", "train.steps=1"], "second/shards", 0, ""),
        (["data.strands=none"], "text", 2, "model.vocab_size is 8"),
    ],
)
def test_another_shape_or_vocabulary_is_one_line_that_names_it(
    ground: Path, tmp_path: Path, capsys: Capture, words: list[str], data: str, code: int, said: str
) -> None:
    init = ["--init", str(ground / "run")]
    out = tmp_path / "run"
    assert begin(ground, out, "ecoli_demo", *TINY, *words, *init, data=data) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if "hnet-seq pretrain: " in line]
    assert len(lines) == (code > 0)
    assert said in "".join(lines)
    assert out.exists() == (code == 0)


def test_shards_of_another_vocabulary_are_refused(ground: Path, tmp_path: Path) -> None:
    from hnet_seq.tasks.pretrain_data import training_batches
    from hnet_seq.tasks.pretrain_weights import first_model
    from modalities.errors import UsageError

    config = tiny("ecoli_demo", ground / "text", "data.strands=none")
    config.train.init = str(ground / "run")
    with pytest.raises(UsageError, match=r"vocabulary: .*run reads dna, and the shards hold text"):
        first_model(config, training_batches(config), "cpu")


def test_a_run_killed_before_its_first_checkpoint_wants_the_same_weights(
    ground: Path, tmp_path: Path, capsys: Capture
) -> None:
    given, run = tmp_path / "given", tmp_path / "run"
    shutil.copytree(source(ground), given)
    command = ["ecoli_demo", *TINY, "train.steps=1", "--init", str(given)]
    assert begin(ground, run, *command) == 0
    whole = weights(run)
    shutil.rmtree(run / "checkpoints")
    (run / "metrics.jsonl").unlink()
    assert main(["pretrain", "--resume", str(run), "--device", "cpu"]) == 0
    assert weights(run) == whole
    shutil.rmtree(run / "checkpoints")
    other = ground / "run/checkpoints/step-000003/model.safetensors"
    shutil.copyfile(other, given / "model.safetensors")
    assert main(["pretrain", "--resume", str(run), "--device", "cpu"]) == 1
    assert "began with weights of sha256" in capsys.readouterr().err
