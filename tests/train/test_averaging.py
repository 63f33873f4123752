"""The average of the weights: what it is, where it is used, and that training does not see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from hnet_seq.experiments import load_experiment
from hnet_seq.model.auto import load_pretrained
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.tasks.pretrain_data import training_batches, validation_sources
from hnet_seq.train.averaging import Averaging
from hnet_seq.train.evaluation import evaluate
from hnet_seq.train.tables import AdamWWithTables
from modalities import dna
from modalities.errors import UsageError
from tests.train.runs import make_shards, metrics, tiny, train_until_killed, weights

AVERAGED = ("train.average=0.9", "train.keep_every=3")


def test_the_average_moves_less_and_less_up_to_its_decay() -> None:
    weight, table = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(4, 2))
    optimizer = AdamWWithTables(
        [{"params": [weight], "weight_decay": 0.0}], [table], 0.1, (0.9, 0.9)
    )
    average = Averaging(optimizer, decay=0.5)
    with average.in_place():
        pass  # nothing was changed yet, and nothing is averaged
    expected = torch.zeros(3)
    for step in range(20):
        weight.grad = torch.full((3,), 1.0)
        optimizer.step()
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step)) if step else 0.0
        expected = decay * expected + (1 - decay) * weight.detach()
    now = weight.detach().clone()
    with average.in_place():
        torch.testing.assert_close(weight.detach(), expected)
        assert (weight > now).all()  # the weights fall
    assert torch.equal(weight, now)
    assert "average" not in optimizer.state[table]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of six steps, with an average and without."""
    path = tmp_path_factory.mktemp("average")
    bases = dna.decode(np.random.default_rng(0).integers(0, 4, 5000, np.uint8))
    shards = make_shards(path, bases)
    assert pretrain(tiny("ecoli_demo", shards, *AVERAGED), path / "averaged", device="cpu")
    assert pretrain(tiny("ecoli_demo", shards), path / "plain", device="cpu")
    return path


def test_training_does_not_see_the_average(runs: Path) -> None:
    found, expected = metrics(runs / "averaged"), metrics(runs / "plain")
    for event, alike in (("train", True), ("validation", False)):
        own, other = ([r for r in m if r["event"] == event] for m in (found, expected))
        assert (own == other) is alike


def test_validation_and_the_checkpoint_have_it(runs: Path) -> None:
    config = tiny("ecoli_demo", runs / "shards", *AVERAGED)
    model = load_pretrained(runs / "averaged", "cpu")
    held_out = validation_sources(config, training_batches(config))
    found = evaluate(model, held_out, config.train.ratio_loss.targets)
    assert found["bits_per_token"] == metrics(runs / "averaged")[-1]["bits_per_token"]
    # What training goes on from lies beside the moments.
    last = "checkpoints/step-000006"
    state = torch.load(runs / "averaged" / last / "trainer.pt")["optimizer"]["state"]
    plain = load_file(runs / "plain" / last / "model.safetensors")
    kept = [own["average"] for own in state.values()]
    assert sorted(t.sum().item() for t in kept) == sorted(t.sum().item() for t in plain.values())


def test_a_killed_run_goes_on_from_its_weights_and_its_average(runs: Path) -> None:
    config = tiny("ecoli_demo", runs / "shards", *AVERAGED)
    train_until_killed(config, runs / "cut", 4)
    assert pretrain(config, runs / "cut", resume=True, device="cpu")
    assert metrics(runs / "cut") == metrics(runs / "averaged")
    assert weights(runs / "cut") == weights(runs / "averaged")


def test_a_run_that_keeps_an_optimiser_begins_another_average(runs: Path) -> None:
    init = f"train.init={runs / 'averaged'}"
    kept = tiny("ecoli_demo", runs / "shards", init, "train.init_optimizer=kept", "train.steps=1")
    assert pretrain(kept, runs / "kept", device="cpu")
    state = torch.load(runs / "kept/checkpoints/step-000001/trainer.pt")["optimizer"]["state"]
    assert not any("average" in own for own in state.values())


@pytest.mark.parametrize("value", ["1", "-0.1", "nan"])
def test_a_decay_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match=r"train\.average"):
        load_experiment("ecoli_demo", [f"train.average={value}"])
