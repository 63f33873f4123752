"""A run on a mixture: its log tells the sources apart, it resumes, and bad shards are told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.config import ExperimentConfig, SourceConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.model.masked_lm import language_model
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.tasks.pretrain_data import training_batches, validation_sources
from hnet_seq.tasks.pretrain_sources import assign_data
from hnet_seq.train.evaluation import evaluate
from modalities.errors import InputError, UsageError
from pipelines.shards.manifest import Manifest
from tests.pipelines.made_shards import Written, flip, write_shards
from tests.train.runs import TINY, metrics, train_until_killed, weights

WEIGHTS = {"first": 3.0, "second": 1.0}
LABELS = {"first": ("exon", "intron"), "second": ("",)}
TRAIN, VALIDATION = 2000, 300


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of two sources, the first with two labels."""
    path = tmp_path_factory.mktemp("mixed")
    for seed, (name, labels) in enumerate(LABELS.items()):
        generator = np.random.default_rng(seed)
        documents = [
            Written(f"{split}{label}{i}", generator.integers(0, 4, size, np.uint8), label, split)
            for split, size in (("train", TRAIN), ("validation", VALIDATION))
            for label in labels
            for i in range(2)
        ]
        write_shards(path / name, documents, block_size=500, shard_size=1000)
    return path


def _config(
    folders: Path, *overrides: str, experiment: str = "ecoli_demo", **labels: list[str]
) -> ExperimentConfig:
    sources = [
        f"{{name: {name}, path: '{folders / name}', weight: {weight}, "
        f"labels: {labels.get(name, [])}}}"
        for name, weight in WEIGHTS.items()
    ]
    data = f"data.sources=[{', '.join(sources)}]"
    return load_experiment(experiment, [*TINY, data, *overrides])


def _validation(run: Path) -> list[dict[str, Any]]:
    return [record for record in metrics(run) if record["event"] == "validation"]


def test_the_log_tells_the_sources_and_labels_apart(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pretrain(_config(folders), tmp_path / "run", device="cpu")
    said = capsys.readouterr().err
    records = _validation(tmp_path / "run")
    assert [record["step"] for record in records] == [3, 6]
    for record in records:
        parts = record["sources"]
        assert [(part["source"], part["label"]) for part in parts] == [
            ("first", "exon"),
            ("first", "intron"),
            ("second", ""),
        ]
        # Two documents each, whose first tokens have no predecessor.
        assert [part["scored_tokens"] for part in parts] == [2 * (VALIDATION - 1)] * 3
        assert record["scored_tokens"] == sum(part["scored_tokens"] for part in parts)
        bits = sum(part["bits_per_token"] * part["scored_tokens"] for part in parts)
        assert record["bits_per_token"] == pytest.approx(bits / record["scored_tokens"])
        assert len({part["bits_per_token"] for part in parts}) == 3
        # Chunks per token combine as the tokens do.
        chunks = [2 * VALIDATION / part["stages"][0]["tokens_per_chunk"] for part in parts]
        assert record["stages"][0]["tokens_per_chunk"] == pytest.approx(
            6 * VALIDATION / sum(chunks)
        )
        assert {part["stages"][0]["target"] for part in parts} == {record["stages"][0]["target"]}
    assert "  first, exon: " in said
    assert "  second: " in said


def test_the_log_tells_how_often_each_source_was_read(folders: Path, tmp_path: Path) -> None:
    assert pretrain(_config(folders), tmp_path / "run", device="cpu")
    training = [record for record in metrics(tmp_path / "run") if record["event"] == "train"]
    for record in training:
        tokens = record["step"] * 512
        wanted = {"first": 0.75 * tokens / (4 * TRAIN), "second": 0.25 * tokens / (2 * TRAIN)}
        assert record["epochs"] == pytest.approx(wanted, abs=1e-4)
        assert record["epoch"] == int(max(wanted.values()))
    # A run on one source has one number.
    config = _config(folders)
    config.data.sources = config.data.sources[:1]
    assert pretrain(config, tmp_path / "one", device="cpu")
    assert all("epochs" not in record for record in metrics(tmp_path / "one"))
    assert all("epoch" in r for r in metrics(tmp_path / "one") if r["event"] == "train")


def test_a_masked_run_mixes_too(folders: Path, tmp_path: Path) -> None:
    config = _config(folders, experiment="ecoli_masked")
    plain = training_batches(_config(folders, experiment="ecoli_demo"))
    masked = training_batches(config)
    assert masked.mixture.shares == plain.mixture.shares == [0.75, 0.25]
    for k in range(4):
        asked = masked[k].targets >= 0
        assert (masked[k].targets[asked] == plain[k].input_ids[asked]).all()
        assert (masked[k].input_ids[~asked] == plain[k].input_ids[~asked]).all()
    assert pretrain(config, tmp_path / "run", device="cpu")
    parts = _validation(tmp_path / "run")[-1]["sources"]
    assert [part["label"] for part in parts] == ["exon", "intron", ""]


def test_validation_of_all_is_that_of_the_parts_for_any_model(folders: Path) -> None:
    config = _config(folders)
    sources = validation_sources(config, training_batches(config))
    model = language_model(config.model, seed=3)
    whole = evaluate(model, sources, [3.0])
    assert whole["scored_tokens"] == 6 * (VALIDATION - 1)
    for number, part in enumerate(whole["sources"]):
        alone = evaluate(model, [sources[number]], [3.0])
        assert "sources" not in alone
        named = {"source": part["source"], "label": part["label"]}
        assert named | alone == part


def test_only_the_labels_that_are_asked_for_are_trained_on_and_validated(folders: Path) -> None:
    config = _config(folders, first=["intron"])
    train = training_batches(config)
    assert [stream.tokens_per_epoch for stream in train.streams] == [2 * TRAIN, 2 * TRAIN]
    found = [(s.source, s.label) for s in validation_sources(config, train)]
    assert found == [("first", "intron"), ("second", "")]
    with pytest.raises(UsageError, match="has no label 'utr'; there are: exon, intron"):
        training_batches(_config(folders, first=["utr"]))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_on_a_mixture_resumes_bit_for_bit(
    folders: Path, tmp_path: Path, workers: int
) -> None:
    overrides = ["data.micro_batch_tokens=256", f"data.workers={workers}", "data.strands=augment"]
    overrides += ["train.average=0.9", "train.optimizer.matrices=muon"]
    overrides += ["train.ratio_loss.statistics=source", "train.ratio_loss.hold=true"]
    whole = [key for key in overrides if "workers" not in key]
    assert pretrain(_config(folders, *whole), tmp_path / "whole", device="cpu")
    config = _config(folders, *overrides)
    train_until_killed(config, tmp_path / "cut", 4)
    assert main(["pretrain", "--resume", str(tmp_path / "cut"), "--device", "cpu"]) == 0
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


@pytest.mark.parametrize("change", ["weight", "order", "labels"])
def test_resuming_with_another_mixture_is_refused(
    folders: Path, tmp_path: Path, change: str
) -> None:
    assert pretrain(_config(folders, "train.steps=1"), tmp_path / "run", device="cpu")
    config = _config(folders)
    if change == "weight":
        config.data.sources[0].weight = 2.0
    elif change == "order":
        config.data.sources.reverse()
    else:
        config.data.sources[0].labels = ["exon"]
    with pytest.raises(InputError, match="shards differ"):
        pretrain(config, tmp_path / "run", resume=True, device="cpu")


def test_data_is_given_by_name_or_in_order(folders: Path, tmp_path: Path) -> None:
    experiment = tmp_path / "two.yaml"
    experiment.write_text(
        "include: [ecoli_demo]\n"
        "data:\n  sources:\n    - {name: genes, weight: 3.0}\n    - {name: rest}\n"
    )
    first, second = folders / "first", folders / "second"
    for given in (
        [f"genes={first}", f"rest={second}"],
        [f"rest={second}", f"genes={first}"],
        [f"{first}", f"{second}"],
        [f"rest={second}", f"{first}"],
    ):
        config = load_experiment(experiment)
        assign_data(config, given)
        assert [(s.name, s.path) for s in config.data.sources] == [
            ("genes", f"{first}"),
            ("rest", f"{second}"),
        ]
        assert training_batches(config).mixture.shares == [0.75, 0.25]
    command = ["pretrain", str(experiment), *TINY, "train.steps=1", "--device", "cpu"]
    command += ["--data", f"rest={second}", "--data", f"genes={first}"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    assert _validation(tmp_path / "run")[0]["sources"][0]["source"] == "genes"


def test_folders_of_an_experiment_without_sources_are_mixed_alike(folders: Path) -> None:
    config = load_experiment("ecoli_demo")
    assign_data(config, [str(folders / "first"), str(folders / "second")])
    train = training_batches(config)
    assert train.names == ["first", "second"]
    assert train.mixture.shares == [0.5, 0.5]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["code=x"], "no source 'code'; there are: genes, rest"),
        (["x", "y", "z"], "z is one more than the 2 sources"),
        (["genes=x"], "no shards given for rest; `data` rest=FOLDER"),
    ],
)
def test_folders_that_fit_no_source_are_told(given: list[str], message: str) -> None:
    config = load_experiment("ecoli_demo")
    config.data.sources = [SourceConfig(name="genes"), SourceConfig(name="rest")]

    def run() -> None:
        assign_data(config, given)
        training_batches(config)

    with pytest.raises(UsageError, match=message):
        run()


def test_a_folder_whose_name_has_an_equals_sign_is_a_folder(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "second", tmp_path / "k=v")
    config = load_experiment("ecoli_demo")
    assign_data(config, [str(tmp_path / "k=v")])
    assert training_batches(config).names == ["k=v"]


def test_a_run_skips_damaged_shards_when_it_is_told_to_and_says_so(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folders, tmp_path, dirs_exist_ok=True)
    shard = Manifest.load(tmp_path / "first").of("train")[1]
    path = tmp_path / "first" / shard.name
    flip(path, int(shard.blocks.offset[0]))
    with pytest.raises(InputError, match=rf"{shard.name}: has sha256"):
        pretrain(_config(tmp_path), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
    config = _config(tmp_path, "data.damaged_shards=skip")
    capsys.readouterr()
    assert pretrain(config, tmp_path / "run", device="cpu")
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"skipped: {path}: has sha256 ")
    # The document that lies in it, with its other half in the shard before or after.
    assert said[1] == f"first: 1 shards with {TRAIN:,} tokens are left out"
    epochs = metrics(tmp_path / "run")[0]["epochs"]
    assert epochs["first"] == pytest.approx(0.75 * 2 * 512 / (3 * TRAIN), abs=1e-4)
    # The whole shards are other data: the run does not go on with them.
    shutil.copyfile(folders / "first" / shard.name, path)
    with pytest.raises(InputError, match="shards differ"):
        pretrain(config, tmp_path / "run", resume=True, device="cpu")


def test_a_source_with_few_tokens_of_a_step_is_warned_of(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config(folders, "train.steps=1", "data.context=256")
    assert pretrain(config, tmp_path / "run", device="cpu")
    said = capsys.readouterr().err
    assert "warning: second has 128 tokens of a step, less than data.context (256)" in said
    assert "warning: first" not in said
