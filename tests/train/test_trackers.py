"""Trackers hear what metrics.jsonl has, go on with a run, and never end one."""

from __future__ import annotations

import importlib.machinery
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hnet_seq import pretrain
from hnet_seq.train.trackers import TRACKERS, Tracker, Trackers, numbers
from modalities.errors import UsageError

from .runs import make_shards, metrics, tiny, train_until_killed

BASES = "ACGTTGCAAGGCTTAC" * 60


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return make_shards(tmp_path, BASES)


def experiment(shards: Path, steps: int, *trackers: str) -> Any:
    return tiny(
        "ecoli_demo",
        shards,
        f"train.steps={steps}",
        "train.log_every=1",
        "train.checkpoint_every=2",
        f"train.trackers=[{','.join(trackers)}]",
    )


def test_numbers_have_names() -> None:
    event = {
        "event": "validation",
        "step": 3,
        "bits": 1.5,
        "words": "x",
        "stages": [{"target": 2.0, "histogram": {"1": 4}}],
        "sources": [{"source": "yeast", "bits": 2}],
        "data_wait": [0.5],
    }
    assert dict(numbers(event)) == {
        "bits": 1.5,
        "stages/0/target": 2.0,
        "stages/0/histogram/1": 4,
        "sources/yeast/bits": 2,
        "data_wait/0": 0.5,
    }


def test_tensorboard_has_the_numbers_and_goes_on(shards: Path, tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = tmp_path / "run"
    train_until_killed(experiment(shards, 4, "tensorboard"), run, 3)
    assert pretrain(experiment(shards, 4, "tensorboard"), run, resume=True, device="cpu")
    found = events.EventAccumulator(str(run / "tensorboard"))
    found.Reload()
    scalars = found.Scalars("train/bits_per_token")
    assert len(scalars) == 4
    shown = {e.step: e.value for e in scalars}
    written = {m["step"]: m["bits_per_token"] for m in metrics(run) if m["event"] == "train"}
    assert shown == pytest.approx(written, rel=1e-5)
    assert sorted(shown) == [1, 2, 3, 4]


#: What `init` of each is given, and takes: tried with the libraries by the two tests below.
_TAKEN = {
    "wandb": {"project", "name", "id", "resume", "dir", "config", "allow_val_change"},
    "trackio": {"project", "name", "resume", "config"},
}


class _Fake(ModuleType):
    """As far as wandb's and trackio's interface is used here."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)
        self.begun: list[dict[str, Any]] = []
        self.steps: list[int] = []
        self.ended = 0
        self.breaks_at = 99

    def init(self, **options: Any) -> Any:
        assert set(options) == _TAKEN[self.__name__]
        self.begun.append(options)
        return SimpleNamespace(log=self.log, finish=self.finish)

    def log(self, values: dict[str, float], step: int) -> None:
        if step >= self.breaks_at:
            raise ConnectionError("no way\nout")
        json.dumps(values)
        self.steps.append(step)

    def finish(self) -> None:
        self.ended += 1


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_run_that_goes_on_is_the_same_run(
    shards: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = _Fake(name)
    monkeypatch.setitem(sys.modules, name, fake)
    run = tmp_path / "run"
    pretrain(experiment(shards, 2, name), run, device="cpu")
    pretrain(experiment(shards, 4, name), run, resume=True, device="cpu")
    first, second = fake.begun
    key = "id" if name == "wandb" else "name"
    assert first[key] == second[key]
    assert first["resume"] == second["resume"] == "allow"
    assert first["config"]["train"]["steps"] == 2
    assert sorted(set(fake.steps)) == [1, 2, 3, 4]
    assert fake.ended == 2


def test_wandb_itself_goes_on_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    ids = set()
    for step in (0, 1):
        trackers = Trackers.open(["wandb"], tmp_path, step, {"seed": 0, "steps": step + 1})
        trackers.note({"event": "train", "step": step + 1, "bits": 1.0})
        assert "wandb" in trackers.hearing
        trackers.finish()
    files = list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    ids = {file.stem for file in files}
    assert len(files) == 2
    assert len(ids) == 1


def test_trackio_itself_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "store"))
    pytest.importorskip("trackio")
    for step in (0, 1):
        trackers = Trackers.open(["trackio"], tmp_path, step, {"seed": 0, "steps": step + 1})
        trackers.note({"event": "train", "step": step + 1, "bits": 1.0})
        assert "trackio" in trackers.hearing
        trackers.finish()
    assert (tmp_path / "store/hnet-seq.db").is_file()
    assert capsys.readouterr().out == ""


def test_a_tracker_that_fails_is_told_once_and_training_goes_on(
    shards: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = _Fake("wandb")
    fake.breaks_at = 2
    monkeypatch.setitem(sys.modules, "wandb", fake)
    assert pretrain(experiment(shards, 4, "wandb"), tmp_path / "run")
    said = capsys.readouterr().err
    assert (
        said.count("wandb failed, and hears no more of this run (ConnectionError: no way out)") == 1
    )
    assert [m["step"] for m in metrics(tmp_path / "run") if m["event"] == "train"] == [1, 2, 3, 4]
    assert fake.steps == [1]


def test_one_that_does_not_begin_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(Tracker):
        def __init__(self, *_: Any) -> None:
            raise RuntimeError("not logged in")

        def log(self, values: dict[str, float], step: int) -> None:
            raise AssertionError

    monkeypatch.setitem(TRACKERS, "wandb", Broken)
    trackers = Trackers.open(["wandb"], tmp_path, 0, {})
    trackers.note({"event": "train", "step": 1, "bits": 1.0})
    trackers.finish()
    assert capsys.readouterr().err.count("not logged in") == 1


def test_what_is_not_there_is_told_before_the_run(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'hnet-seq\[trackio\]'"):
        pretrain(experiment(shards, 2, "trackio"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="'mlflow' is not tensorboard, wandb, trackio"):
        experiment(shards, 2, "mlflow")
