"""A run that goes on otherwise than it began: more steps, another folder, other keys."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.experiments import load_experiment
from hnet_seq.tasks.pretrain import pretrain
from modalities import dna
from modalities.errors import UsageError
from tests.train.runs import make_shards, metrics, tiny, train_until_killed, weights

Capture = pytest.CaptureFixture[str]
# Rates of 6 steps: four at the peak, two falling; of 9 steps: six and three.
WSD = ["train.schedule.warmup=0", "train.schedule.decay=0.34", "train.log_every=1"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bases = np.random.default_rng(0).integers(0, 4, 6000).astype(np.uint8)
    return make_shards(tmp_path_factory.mktemp("continuation"), dna.decode(bases))


@pytest.fixture(scope="module")
def finished(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 6 steps with checkpoints of steps 3 and 6."""
    run = tmp_path_factory.mktemp("finished") / "run"
    assert pretrain(tiny("ecoli_demo", shards, *WSD), run, device="cpu")
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def resume(run: Path, *words: str) -> int:
    return main(["pretrain", "--resume", str(run), *words, "--device", "cpu"])


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_a_finished_run_goes_on_and_says_what_the_rate_does(run: Path, capsys: Capture) -> None:
    before = metrics(run)
    assert resume(run, "train.steps=9", "train.checkpoint_every=1") == 0
    said = capsys.readouterr().err
    assert "train.steps is 9, was 6; learning rate: 0.000879 at step 6, back to 0.003" in said
    assert f"pretrain --resume {run}/checkpoints/step-000003 train.steps=9 --out NEW" in said
    assert metrics(run)[: len(before)] == before
    assert [r["step"] for r in metrics(run) if r["event"] == "train"] == list(range(1, 10))
    # What it could have gone on from instead is still there.
    assert checkpoints(run) == ["step-000003", "step-000008", "step-000009"]
    again = metrics(run)
    assert resume(run) == 0
    assert metrics(run) == again
    assert load_experiment(run / "config.yaml").train.steps == 9


def test_what_a_kill_left_undropped_is_dropped_by_the_next_command(run: Path) -> None:
    before = checkpoints(run)
    for name in ("step-000001", ".step-000002.dropped"):
        shutil.copytree(run / "checkpoints" / before[0], run / "checkpoints" / name)
    assert resume(run) == 0
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == before


def test_a_longer_run_that_is_killed_resumes_bit_for_bit(run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    assert resume(run, "train.steps=9") == 0
    longer = load_experiment(other / "config.yaml", ["train.steps=9"])
    train_until_killed(longer, other, 8, resume=True)
    assert resume(other) == 0
    assert metrics(other) == metrics(run)
    assert weights(other) == weights(run)


def test_a_run_branches_before_the_fall_and_stays_as_it_is(
    shards: Path, run: Path, tmp_path: Path, capsys: Capture
) -> None:
    files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    stable, branch = run / "checkpoints/step-000003", tmp_path / "branch"
    assert resume(stable, "train.steps=9") == 2
    assert "step-000003 is not the last one of its run; give --out" in capsys.readouterr().err
    assert resume(stable, "train.steps=9", "--out", str(branch)) == 0
    whole = tmp_path / "whole"
    assert pretrain(tiny("ecoli_demo", shards, *WSD, "train.steps=9"), whole, device="cpu")
    assert [r for r in metrics(branch) if r["event"] == "train"] == [
        r for r in metrics(whole) if r["event"] == "train"
    ]
    assert weights(branch) == weights(whole)
    about = json.loads((branch / "run.json").read_text())
    assert (about["branch_of"], about["at_step"]) == (str(run), 3)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == files
    for override in ("train.steps=2", "seed=5"):
        assert resume(stable, override, "--out", str(tmp_path / "none")) == 2
        assert override.partition("=")[0] in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    assert resume(stable, "--out", str(branch)) == 2
    assert "holds a run already" in capsys.readouterr().err
    # The same command again, for restarts.
    assert resume(stable, "train.steps=9", "--out", str(branch), "--continue") == 0


def test_keys_that_change_what_is_trained_are_refused(run: Path, capsys: Capture) -> None:
    before = (run / "config.yaml").read_bytes()
    for override in ("train.optimizer.learning_rate=0.1", "train.schedule.decay=0.1"):
        assert resume(run, "train.steps=9", override) == 2
        key = override.partition("=")[0]
        assert f"holds a run with {key} " in capsys.readouterr().err
    assert resume(run, "train.steps=5") == 2
    assert "train.steps: is 5, and the run" in capsys.readouterr().err
    assert (run / "config.yaml").read_bytes() == before
    # In the file and from Python as well.
    (run / "config.yaml").write_bytes(before.replace(b"weight_decay: 0.1", b"weight_decay: 0.2"))
    assert resume(run) == 2
    assert "train.optimizer.weight_decay 0.1, and 0.2 was asked" in capsys.readouterr().err
    config = load_experiment(run / "config.yaml")
    with pytest.raises(UsageError, match=r"train.optimizer.weight_decay"):
        pretrain(config, run, resume=True, device="cpu")


def test_continue_knows_the_same_shards_from_elsewhere_and_takes_more_steps(
    shards: Path, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    found = load_experiment(run / "config.yaml")
    overrides = [f"train.steps={found.train.steps + 3}", "train.validate_every=0"]
    monkeypatch.chdir(shards.parent)
    experiment = run.parent / "same.yaml"
    experiment.write_text((run / "config.yaml").read_text().replace(str(shards), "''"))
    command = ["pretrain", str(experiment), *overrides, "--data", shards.name, "--continue"]
    assert main([*command, "--out", str(run), "--device", "cpu"]) == 0
    assert "train.steps is 9, was 6" in capsys.readouterr().err
    assert load_experiment(run / "config.yaml").data.sources[0].path == shards.name
    # From another place it is told where they lie.
    monkeypatch.chdir(run)
    assert resume(run) == 1
    assert "no such folder here" in capsys.readouterr().err
    assert resume(run, "--data", str(shards)) == 0
