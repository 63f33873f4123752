"""A run: the same twice, resumable bit for bit, and refused when it cannot be meant."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from hnet_seq.cli import main
from hnet_seq.commands.pretrain import EXAMPLE
from hnet_seq.config import ExperimentConfig, SourceConfig
from hnet_seq.experiment_files import shipped
from hnet_seq.experiments import load_experiment
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.train.optimizer import parameter_groups, stage_multipliers
from hnet_seq.train.schedule import learning_rate_factor
from modalities import dna
from modalities.errors import InputError, UsageError
from tests.conftest import make_model
from tests.train.runs import TINY, make_shards, metrics, tiny, train_until_killed, weights


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a random genome."""
    folder = tmp_path_factory.mktemp("data")
    bases = np.random.default_rng(0).integers(0, 4, 20_000).astype(np.uint8)
    return make_shards(folder, dna.decode(bases))


def _config(shards: Path, *overrides: str) -> ExperimentConfig:
    return tiny("ecoli_demo", shards, *overrides)


def test_the_same_seed_gives_the_same_metrics_andweights(shards: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert pretrain(_config(shards), tmp_path / name, device="cpu")
    assert metrics(tmp_path / "a") == metrics(tmp_path / "b")
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert pretrain(_config(shards, "seed=1"), tmp_path / "c", device="cpu")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


CONTROLLED = [
    "train.ratio_loss.hold=true",
    "train.ratio_loss.statistics=document",
    "train.ratio_loss.target_schedule=[{at: 0, targets: [1.5]}, {at: 0.9, targets: [3]}]",
    "train.max_chunks=150",
]


@pytest.mark.parametrize(("killed_after", "overrides"), [(4, []), (5, []), (4, CONTROLLED)])
def test_a_killed_run_resumes_bit_for_bit(
    shards: Path,
    tmp_path: Path,
    killed_after: int,
    overrides: list[str],
) -> None:
    config = _config(shards, "data.micro_batch_tokens=256", *overrides)
    assert pretrain(config, tmp_path / "whole", device="cpu")
    train_until_killed(config, tmp_path / "cut", killed_after)
    # As a kill in the middle of a line would leave it.
    with (tmp_path / "cut/metrics.jsonl").open("a") as file:
        file.write('{"event": "tr')
    assert pretrain(config, tmp_path / "cut", resume=True, device="cpu")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


def test_the_log_has_the_target_and_weight_in_force(shards: Path, tmp_path: Path) -> None:
    pretrain(_config(shards, *CONTROLLED, "train.log_every=1"), tmp_path / "run", device="cpu")
    training = [r for r in metrics(tmp_path / "run") if r["event"] == "train"]
    stages = [record["stages"][0] for record in training]
    assert [stage["target"] for stage in stages] == [3.0] * 6
    in_force = [stage["target_in_force"] for stage in stages]
    assert in_force[0] == 1.5
    assert all(a < b <= 3 for a, b in pairwise(in_force))
    # The untrained router cuts too often for the growing target: the weight has to rise.
    assert stages[-1]["weight"] > stages[0]["weight"] == 1.0
    assert sum(record["split_micro_batches"] for record in training) > 0


def test_accumulated_gradients_equal_those_of_one_large_batch(shards: Path, tmp_path: Path) -> None:
    # With a ratio loss per micro-batch the sums differ; without, they must not.
    plain = ["train.ratio_loss.weights=[0]", "train.steps=1", "data.context=200"]
    pretrain(_config(shards, *plain), tmp_path / "one", device="cpu")
    one = metrics(tmp_path / "one")
    for micro in (300, 64):
        split = [*plain, f"data.micro_batch_tokens={micro}"]
        pretrain(_config(shards, *split), tmp_path / f"{micro}", device="cpu")
        some = metrics(tmp_path / f"{micro}")
        assert some[0]["cross_entropy"] == pytest.approx(one[0]["cross_entropy"], rel=1e-6)
        assert some[0]["grad_norm"] == pytest.approx(one[0]["grad_norm"], rel=1e-5)
        # The histogram tells whether chunks, and so sequences, are the same ones.
        assert (
            some[0]["stages"][0]["chunk_length_histogram"]
            == (one[0]["stages"][0]["chunk_length_histogram"])
        )
        assert some[1]["scored_tokens"] == one[1]["scored_tokens"]
        assert some[1]["bits_per_token"] == pytest.approx(one[1]["bits_per_token"], rel=1e-6)


def test_training_learns_a_repeat(tmp_path: Path) -> None:
    (tmp_path / "genome.fa").write_text(">r\n" + "ACGGTCATTG" * 2000 + "\n")
    out = tmp_path / "shards"
    arguments = ["--out", str(out), "--validation", "last:0.1", "--guard", "10"]
    assert main(["shard", str(tmp_path / "genome.fa"), *arguments]) == 0
    config = _config(out, "train.steps=40", "data.strands=none")
    pretrain(config, tmp_path / "run", device="cpu")
    assert metrics(tmp_path / "run")[-1]["bits_per_token"] < 0.2


def test_a_run_folder_is_not_overwritten(shards: Path, tmp_path: Path) -> None:
    pretrain(_config(shards, "train.steps=1"), tmp_path / "run", device="cpu")
    with pytest.raises(UsageError, match="holds a run already"):
        pretrain(_config(shards), tmp_path / "run", device="cpu")


def test_resuming_with_other_shards_is_refused(shards: Path, tmp_path: Path) -> None:
    pretrain(_config(shards, "train.steps=1"), tmp_path / "run", device="cpu")
    with pytest.raises(InputError, match="shards differ"):
        pretrain(_config(shards, "data.context=64"), tmp_path / "run", resume=True, device="cpu")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["pretrain"], 2, "give an experiment"),
        (["pretrain", "no_such_experiment", "--out", "x"], 2, "shipped: "),
        (["pretrain", "ecoli_demo", "--out", "x"], 2, "no shards given"),
        (["pretrain", "ecoli_demo", "train.stps=3", "--out", "x"], 2, "did you mean train.steps"),
        (["pretrain", "ecoli_demo", "train.steps=many", "--out", "x"], 2, "train.steps"),
        (["pretrain", "ecoli_demo", "train.steps=0", "--out", "x"], 2, "train.steps"),
        (["pretrain", "ecoli_demo", "train.steps", "--out", "x"], 2, "key=value"),
        (["pretrain", "ecoli_demo", "--data", "nowhere", "--out", "x"], 1, "nowhere"),
        (["pretrain", "--resume", "nowhere"], 1, "nowhere"),
        (["pretrain", "bad.yaml", "--out", "x"], 2, "bad.yaml"),
        (["pretrain", "list.yaml", "--out", "x"], 2, "list.yaml"),
    ],
)
def test_misuse_is_one_line_and_leaves_nothing(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("train: {steps: [\n")
    Path("list.yaml").write_text("- 1\n- 2\n")
    assert main(arguments) == code
    message = capsys.readouterr().err.strip()
    assert said in message
    assert "\n" not in message
    assert not Path("x").exists()


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_experiment_loads_and_takes_a_step(
    name: str, shards: Path, tmp_path: Path
) -> None:
    config = load_experiment(name)
    parts = range(config.model.ngram_counts.parts)
    config.data.sources = [SourceConfig(f"{shards}", f"{part}") for part in parts]
    # The shape as shipped, the amount of work cut down.
    config.data.context, config.data.micro_batch_tokens = 64, 0
    config.data.batch_tokens, config.train.steps = 128, 1
    assert pretrain(config, tmp_path / name, device="cpu")


def test_rates_grow_outwards_by_the_papers_rule() -> None:
    # sqrt(4.6 * 3 / 3 * 2) outside, sqrt(4.6 / 3) inside.
    assert stage_multipliers([256, 512], [3.0]) == pytest.approx([9.2**0.5, (4.6 / 3) ** 0.5])


def test_only_matrices_decay_and_every_parameter_is_in_one_group() -> None:
    model = make_model("two stages, MLPs outside, tied")
    groups = parameter_groups(model)
    names = [name for members in groups.values() for name in members]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    for (_, decayed), members in groups.items():
        for name in members:
            matrix = name.endswith(
                ("proj.weight", "Wqkv.weight", "fc1.weight", "fc2.weight", "proj_layer.weight")
            )
            assert decayed == matrix, name
    stage_of = {name: stage for (stage, _), members in groups.items() for name in members}
    assert stage_of["embeddings.weight"] == 0
    assert stage_of["backbone.main_network.encoder.layers.0.mixer.Wqkv.weight"] == 1
    assert stage_of["backbone.main_network.main_network.pad_dimension"] == 2


def test_schedules_warm_up_hold_and_decay() -> None:
    schedule = load_experiment("ecoli_demo").train.schedule
    schedule.warmup, schedule.decay = 0.1, 0.2
    factors = [learning_rate_factor(step, 100, schedule) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:80] == [1.0] * 71
    assert all(a > b for a, b in pairwise(factors[80:]))
    schedule.name = "cosine"
    assert learning_rate_factor(55, 100, schedule) == pytest.approx(0.5)


def test_model_weights_are_those_of_the_last_checkpoint(shards: Path, tmp_path: Path) -> None:
    pretrain(_config(shards, "train.steps=2"), tmp_path / "run", device="cpu")
    model = HNetForCausalLM.from_pretrained(tmp_path / "run", device="cpu")
    assert model.metadata["modality"] == "dna"
    assert model.metadata["step"] == "2"
    assert not model.training
    assert torch.isfinite(model(torch.tensor([0, 1, 2, 3])).logits).all()


def test_the_example_of_the_help_names_shipped_things() -> None:
    assert "dna_small" in EXAMPLE
    assert "dna_small" in shipped()


def test_a_run_that_diverges_says_what_to_lower(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = [*TINY, "train.optimizer.learning_rate=1e30", "train.optimizer.clip_norm=1e30"]
    arguments = ["pretrain", "ecoli_demo", *overrides, "--data", str(shards)]
    assert main([*arguments, "--out", str(tmp_path / "run"), "--device", "cpu"]) == 1
    assert "lower train.optimizer.learning_rate" in capsys.readouterr().err


def test_a_run_killed_before_its_first_checkpoint_resumes_from_its_beginning(
    shards: Path, tmp_path: Path
) -> None:
    whole, begun = tmp_path / "whole", tmp_path / "begun"
    for out in (whole, begun):
        assert pretrain(tiny("ecoli_demo", shards), out, device="cpu")
    # What is there when the process dies right after it wrote its configuration.
    shutil.rmtree(begun / "checkpoints")
    (begun / "metrics.jsonl").unlink()
    assert pretrain(load_experiment(begun / "config.yaml"), begun, resume=True, device="cpu")
    assert metrics(begun) == metrics(whole)
    assert weights(begun) == weights(whole)
