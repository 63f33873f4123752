"""classify finetune: from a table to a model folder that predict and evaluate read."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.experiments import load_experiment, save_experiment
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.tasks.classification import seeds as finetune_seeds
from hnet_seq.tasks.classification.task import task_from_data
from hnet_seq.tasks.classification.trained_on import write_trained_on
from hnet_seq.train.predict import predict
from hnet_seq.train.step import OptimizerStep
from tests.conftest import make_model
from tests.tasks.conftest import half_of, of_few_layers

FROZEN_AND_BASELINES = [
    "H-Net, frozen, mean over bases",
    "untrained twin, frozen, mean over bases",
    "majority class",
    "length",
    "base composition, both strands",
    "1- to 5-mer frequencies, both strands",
    "one-hot letters by position",
]


QUICK = ["--epochs", "2", "--batch-tokens", "800", "--strands", "average", "--seeds", "2"]
ONE = ["--epochs", "1", "--seeds", "1", "--no-twin"]


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


def test_the_model_is_scored_beside_the_probe_and_the_baselines(tuned: Path) -> None:
    results = json.loads((tuned / "classification.json").read_text())
    rows = results["rows"]
    assert [row["name"] for row in rows] == [
        "H-Net, fine-tuned, attention over bases",
        *FROZEN_AND_BASELINES,
    ]
    assert [row["kind"] for row in rows] == ["model"] * 2 + ["baseline"] * 6
    assert all({"accuracy", "mcc", "auroc", "f1"} < set(row) for row in rows)
    assert (results["n_train"], results["n_test"]) == (40, 20)
    assert results["classes"] == ["alpha", "zeta"]
    assert results["fine_tuned"]["validation"] == 4
    assert results["fine_tuned"]["epochs_trained"] == [2, 2]
    assert results["seeds"] == [0, 1]
    assert [len(row["per_seed"]) for row in rows] == [2, 1, 1, 1, 1, 1, 1, 1]
    assert rows[0]["mcc"] == pytest.approx(np.mean([seed["mcc"] for seed in rows[0]["per_seed"]]))
    history = [json.loads(line) for line in (tuned / "finetune.jsonl").read_text().splitlines()]
    assert [(line["seed"], line["epoch"]) for line in history] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    for seed, epoch in enumerate(results["fine_tuned"]["best_epochs"]):
        losses = [line["validation_loss"] for line in history if line["seed"] == seed]
        assert losses[epoch - 1] == min(losses)


def test_the_kept_model_is_that_of_the_first_seed(tuned: Path, table: Path) -> None:
    model = HNetForSequenceClassification.from_pretrained(tuned / "model", device="cpu")
    assert model.metadata["strands"] == "average"
    assert model.metadata["modality"] == "dna"
    test = task_from_data(table).test
    found = predict(model, test.sequences).argmax(1)
    row = json.loads((tuned / "classification.json").read_text())["rows"][0]
    assert row["per_seed"][0]["accuracy"] == np.mean(found == test.labels)


def test_predict_and_evaluate_read_the_folder(
    tuned: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = task_from_data(table).test
    model = HNetForSequenceClassification.from_pretrained(tuned / "model", device="cpu")
    expected = predict(model, test.sequences)
    fasta = tmp_path / "in.fa"
    rows = [row.split(",") for row in table.read_text().splitlines()[41:]]
    fasta.write_text("".join(f">s{i}\n{row[0]}\n" for i, row in enumerate(rows)))
    capsys.readouterr()
    for folder in (tuned, tuned / "model"):
        assert run("predict", folder, fasta) == 0
        predicted = list(csv.DictReader(io.StringIO(capsys.readouterr().out), delimiter="\t"))
        assert [row["id"] for row in predicted] == [f"s{i}" for i in range(20)]
        found = np.array([[float(row[name]) for name in ("alpha", "zeta")] for row in predicted])
        np.testing.assert_allclose(found, expected, atol=2e-6)
    row = json.loads((tuned / "classification.json").read_text())["rows"][0]
    assert run("evaluate", tuned, table) == 0
    out = capsys.readouterr().out
    assert "20 test sequences: alpha, zeta" in out
    assert f"{row['per_seed'][0]['mcc']:.3f}" in out
    other = tmp_path / "other.csv"
    other.write_text("sequence,label\nACGT,alpha\nACGT,beta\n")
    assert run("evaluate", tuned, other) == 1
    assert "line 3: the fine-tuned model does not know the label" in capsys.readouterr().err
    assert run("predict", tuned, fasta, "--checkpoint", tuned / "model") == 2
    assert "--checkpoint: goes with a probe" in capsys.readouterr().err


def test_the_same_command_gives_the_same_files(
    checkpoint: Path, table: Path, tuned: Path, tmp_path: Path
) -> None:
    assert run("finetune", checkpoint, "--data", table, "--out", tmp_path, *QUICK) == 0
    for name in ("model/model.safetensors", "model/head.json", "classification.json"):
        assert (tmp_path / name).read_bytes() == (tuned / name).read_bytes()


def test_a_checkpoint_in_a_run_keeps_the_rates_and_targets_of_the_run(
    table: Path, tmp_path: Path
) -> None:
    experiment = load_experiment("ecoli_demo")
    assert experiment.train.optimizer.stage_multipliers == [2.0, 1.0]
    save = tmp_path / "run" / "config.yaml"
    save.parent.mkdir()
    save_experiment(experiment, save)
    make_model("one stage").save_pretrained(tmp_path / "run" / "checkpoints" / "step-000010")
    command: list[str | Path] = [
        "finetune",
        tmp_path / "run",
        "--data",
        table,
        "--out",
        tmp_path / "out",
    ]
    assert run(*command, *ONE, "--part", "2", "--ratio-weight", "0.5") == 0
    facts = json.loads((tmp_path / "out" / "classification.json").read_text())["fine_tuned"]
    assert facts["optimizer"]["stage_multipliers"] == [2.0, 1.0]
    assert facts["ratio_targets"] == [3.0]
    assert facts["ratio_weights"] == [0.5]
    assert facts["part"] == 2


def test_an_isotropic_model_and_three_classes(table: Path, tmp_path: Path) -> None:
    make_model("isotropic").save_pretrained(tmp_path / "model")
    rows = table.read_text().splitlines()
    third = [row.replace("alpha", "omega") for row in rows[1::4]]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([*rows, *third]) + "\n")
    out = tmp_path / "out"
    command: Sequence[str | Path] = ["finetune", tmp_path / "model", "--data", path, "--out", out]
    assert run(*command, *ONE, "--part", "1", "--validation-fraction", "0") == 0
    results = json.loads((out / "classification.json").read_text())
    assert results["classes"] == ["alpha", "omega", "zeta"]
    assert results["rows"][0]["name"] == "H-Net, fine-tuned, attention over bases"
    assert results["fine_tuned"]["validation"] == 0
    assert results["audit"]["conflicts"]["sequences"]


@pytest.mark.parametrize(
    ("text", "options", "code", "message"),
    [
        ("ACGT,a,train\nACGA,b,train\nACGG,c,test\n", [], 1, "no training row has the label 'c'"),
        ("ACGT,a,train\nNNN,b,train\nACG,a,test\n", [], 1, "line 3: all 3 bases are unknown"),
        ("ACGT,a,train\nACC,b,train\nnn,a,test\n", [], 1, "line 4: all 2 bases are unknown"),
        ("ACGT,a,train\n,b,train\nACG,a,test\n", [], 1, "line 3: the sequence is empty"),
        (
            "ACGT,a,train\nACC,b,train\nAC,a,test\n",
            [],
            2,
            "--validation-fraction: 2 groups",
        ),
        ("", ["--part", "outer"], 2, "part: is 'outer'; expected all, head, inner, or 1 to 2"),
        ("", ["--stage", "3", "--pooling", "chunks"], 2, "--stage: is 3"),
        ("", ["--epochs", "0"], 2, "epochs: is 0"),
        ("", ["--seed", "-1"], 2, "--seed: is -1"),
        ("", ["--seeds", "0"], 2, "--seeds: must be 1 or more"),
    ],
)
def test_what_cannot_be_learned_is_one_line(
    text: str,
    options: list[str],
    code: int,
    message: str,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "out"
    text = text or "ACGT,a,train\nACGA,b,train\nACGG,a,test\n"
    path.write_text(f"sequence,label,split\n{text}")
    assert run("finetune", checkpoint, "--data", path, "--out", out, *options) == code
    error = capsys.readouterr().err
    assert message in error
    assert not (out / "model").exists()


def test_an_interrupt_leaves_the_best_model_so_far(
    checkpoint: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = HNetForSequenceClassification.save_pretrained

    def save_then_stop(self: HNetForSequenceClassification, folder: str | Path) -> None:
        save(self, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(HNetForSequenceClassification, "save_pretrained", save_then_stop)
    assert run("finetune", checkpoint, "--data", table, "--out", tmp_path, *QUICK) == 130
    model = HNetForSequenceClassification.from_pretrained(tmp_path / "model", device="cpu")
    assert model.head_config.names == ["alpha", "zeta"]
    assert not (tmp_path / "classification.json").exists()


def test_a_finished_seed_is_not_repeated(
    checkpoint: Path, table: Path, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(tuned, out)
    (out / "classification.json").unlink()
    (second,) = (out / "parts").glob("seed-1-*.npz")
    second.write_bytes(second.read_bytes()[:100])  # as a full disk leaves it
    (first,) = (out / "parts").glob("seed-0-*.npz")
    first.with_suffix(".state").touch()  # as one leaves it that is killed as a seed ends
    seeds: list[int] = []
    real = finetune_seeds.finetune

    def counted(model: Any, *data: Any, **options: Any) -> Any:
        seeds.append(data[2].seed)
        return real(model, *data, **options)

    monkeypatch.setattr(finetune_seeds, "finetune", counted)
    assert run("finetune", checkpoint, "--data", table, "--out", out, *QUICK) == 0
    assert seeds == [1]
    assert not list(out.glob("parts/*.state"))
    for name in ("classification.json", "model/model.safetensors"):
        assert (out / name).read_bytes() == (tuned / name).read_bytes()
    # With another setting none of it counts, and the model is that of the setting.
    assert run("finetune", checkpoint, "--data", table, "--out", out, *QUICK, *ONE) == 0
    assert seeds == [1, 0]
    assert run("finetune", checkpoint, "--data", table, "--out", out, *QUICK) == 0
    assert seeds == [1, 0, 0]
    assert (out / "model/model.safetensors").read_bytes() == (
        tuned / "model/model.safetensors"
    ).read_bytes()


def test_a_seed_that_was_killed_goes_on_where_it_was(
    checkpoint: Path, table: Path, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command: list[str | Path] = ["finetune", checkpoint, "--data", table, "--out", tmp_path / "out"]
    taken: list[int] = []
    take = OptimizerStep.take
    second = json.loads((tuned / "finetune.jsonl").read_text().splitlines()[1])["step"]

    def killing(self: OptimizerStep, number: int, *arguments: Any, **options: Any) -> Any:
        if len(taken) == second + 3:  # the second seed's
            raise KeyboardInterrupt
        taken.append(number)
        return take(self, number, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(OptimizerStep, "take", killing)
        assert run(*command, *QUICK, "--save-every", "2") == 130
    assert taken == [*range(second), 0, 1, 2]
    begun = tmp_path / "out.partial"
    assert [path.name[:6] for path in begun.glob("parts/*.state")] == ["seed-1"]
    with monkeypatch.context() as patched:
        patched.setattr(OptimizerStep, "take", killing)
        taken[:] = [0] * (second + 4)  # kills no more
        assert run(*command, *QUICK) == 0
        assert taken[second + 4 :] == [*range(2, second)]
    for name in ("model/model.safetensors", "classification.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tuned / name).read_bytes()
    assert not list((tmp_path / "out").glob("parts/*.state"))


def test_a_given_validation_split_stops_and_groups_are_held_out_whole(
    checkpoint: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, *rows = table.read_text().splitlines()
    given = tmp_path / "dev.csv"
    dev = [row.replace(",train", ",dev") if i < 20 else row for i, row in enumerate(rows)]
    given.write_text("\n".join([header, *dev]) + "\n")
    grouped = tmp_path / "groups.csv"
    genes = [f"{row},gene{i // 10}.{i}" for i, row in enumerate(rows)]
    grouped.write_text("\n".join([header + ",id", *genes]) + "\n")
    held: list[set[int]] = []
    real = finetune_seeds.finetune

    def seen(*arguments: Any, **options: Any) -> Any:
        found = real(*arguments, **options)
        held.append(set(found.validation))
        return found

    monkeypatch.setattr(finetune_seeds, "finetune", seen)
    command: list[str | Path] = ["finetune", checkpoint, "--data"]
    assert (
        run(*command, given, "--out", tmp_path / "a", *ONE, "--markers", "--pooling", "ends") == 0
    )
    assert held.pop() == set(range(20, 40))
    options = ["--group-by", "id:^(gene[0-9]+)", "--validation-fraction", "0.25"]
    assert run(*command, grouped, "--out", tmp_path / "b", *ONE, *options) == 0
    tens = {index // 10 for index in held[0]}
    assert held[0] == {index for ten in tens for index in range(10 * ten, 10 * ten + 10)}
    assert len(held[0]) == 10


def test_a_killed_return_to_old_settings_does_not_pass_for_finished(
    checkpoint: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    command: list[str | Path] = ["finetune", checkpoint, "--data", table, "--out", out, *ONE]
    assert run(*command) == 0
    first = next((out / "parts").glob("seed-0-*"))
    assert run(*command, "--head-rate", "0.001") == 0

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(finetune_seeds, "finetune", killed)
        assert run(*command) == 130
    # The folder's weights are not those of the first settings: their probabilities do not count.
    assert not first.exists()
    assert run(*command) == 0
    assert first.exists()


def test_evaluate_says_how_many_rows_were_trained_on_and_scores_the_others(
    tuned: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain.csv"
    lines = [",".join(line.split(",")[:2]) for line in table.read_text().splitlines()]
    plain.write_text("\n".join(lines) + "\n")
    capsys.readouterr()
    assert run("evaluate", tuned, table) == 0
    test, said = capsys.readouterr()
    assert "none of the 20 test sequences was trained on" in said
    assert "clean MCC" not in test
    score = re.split(" {2,}", test.splitlines()[2])[1]
    assert run("evaluate", tuned / "model", plain) == 0
    found, said = capsys.readouterr()
    assert "40 of 60 sequences were trained on, as they are or as reverse complement" in said
    header, row = (re.split(" {2,}", line) for line in found.splitlines()[1:3])
    assert row[header.index("clean MCC")] == score


def test_without_the_hashes_of_this_model_evaluate_says_what_it_may_score(
    tuned: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain.csv"
    lines = [",".join(line.split(",")[:2]) for line in table.read_text().splitlines()]
    plain.write_text("\n".join(lines) + "\n")
    older = tmp_path / "older"
    shutil.copytree(tuned / "model", older)
    hashes = older / "model.trained_on.npz"
    write_trained_on(tuned / "model" / "head.json", [])  # of another file: not this model's
    other = tuned / "model" / "head.trained_on.npz"
    for change in (hashes.unlink, lambda: other.rename(hashes)):
        change()
        capsys.readouterr()
        assert run("evaluate", older, plain) == 0
        assert "those that the classifier was trained on" in capsys.readouterr().err
        assert run("evaluate", older, table) == 0
        assert "trained on" not in capsys.readouterr().err
