"""Fine-tuning: what changes and what does not, and what is held out."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.train.finetune import finetune
from hnet_seq.train.optimizer import build_optimizer, stage_multipliers
from hnet_seq.train.predict import predict
from hnet_seq.train.trainable import trainable_names
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from tests.conftest import make_model
from tests.train.small_classifiers import HEAD, LABELS, SHORT, classifier, random_sequences

TWO_STAGES = "two stages, MLPs outside, tied"


@pytest.fixture
def sequences() -> list[Tokens]:
    return random_sequences()


def weights(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(before: dict[str, Tensor], model: torch.nn.Module) -> set[str]:
    after = model.state_dict()
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize(
    ("part", "moves", "stays"),
    [
        ("head", ["head."], ["embeddings.", "backbone."]),
        (
            "inner",
            ["head.", "backbone.main_network.main_network."],
            ["embeddings.", "backbone.encoder.", "backbone.main_network.routing_module."],
        ),
        (
            2,
            ["head.", "backbone.main_network.routing_module.", "backbone.main_network.decoder."],
            ["embeddings.", "backbone.encoder.", "backbone.routing_module.", "backbone.decoder."],
        ),
        ("all", ["head.", "embeddings.", "backbone.encoder.", "backbone.routing_module."], []),
    ],
)
def test_only_the_part_that_is_asked_for_changes(
    part: Any, moves: list[str], stays: list[str], sequences: list[Tokens]
) -> None:
    model = classifier(TWO_STAGES)
    before = weights(model)
    finetune(model, sequences, LABELS, dataclasses.replace(SHORT, part=part))
    found = changed(before, model)
    for prefix in moves:
        assert any(name.startswith(prefix) for name in found), prefix
    for prefix in stays:
        assert not any(name.startswith(prefix) for name in found), prefix
    assert found <= trainable_names(model, part)
    # Frozen for the call only.
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_part_that_does_not_exist_is_refused(sequences: list[Tokens]) -> None:
    for part in ("outer", 0, 4):
        config = dataclasses.replace(SHORT, part=part)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="expected all, head, inner, or 1 to 3"):
            finetune(classifier(TWO_STAGES), sequences, LABELS, config)


def test_each_stage_has_its_rate_and_the_head_its_own() -> None:
    model = classifier(TWO_STAGES)
    config = OptimizerConfig(learning_rate=1.0, stage_multipliers=[4, 2, 1])
    optimizer = build_optimizer(model, config, [], trainable_names(model, "all"), 7.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    peaks = {
        names[id(parameter)]: (group["peak"], group["weight_decay"] > 0)
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert set(peaks) == set(names.values())
    inner = "backbone.main_network.main_network."
    assert peaks["head.linear.weight"] == (7.0, True)
    assert peaks["head.norm.weight"] == (7.0, False)
    assert peaks["embeddings.weight"] == (4.0, False)
    assert peaks["backbone.routing_module.q_proj_layer.weight"] == (4.0, True)
    assert peaks["backbone.main_network.residual_proj.bias"] == (2.0, False)
    assert peaks[f"{inner}main_network.layers.0.mixer.in_proj.weight"] == (1.0, True)


def test_multipliers_default_to_the_papers_rule(
    sequences: list[Tokens], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[float]] = []

    def spy(model: Any, config: OptimizerConfig, *others: Any) -> Any:
        optimizer = build_optimizer(model, config, *others)
        groups = {group["peak"] / config.learning_rate for group in optimizer.param_groups[:-1]}
        seen.append(sorted(groups - {others[-1] / config.learning_rate}, reverse=True))
        return optimizer

    monkeypatch.setattr("hnet_seq.train.finetune_run.build_optimizer", spy)
    config = dataclasses.replace(SHORT, ratio_targets=[3.0])
    finetune(classifier(), sequences, LABELS, config)
    assert seen == [pytest.approx(stage_multipliers([64, 128], [3.0]))]


def test_the_weights_of_the_lowest_validation_loss_are_kept(
    sequences: list[Tokens], tmp_path: Path
) -> None:
    # Random labels at a high rate: the loss on what is held out rises while training goes on.
    config = dataclasses.replace(
        SHORT, epochs=30, patience=2, optimizer=OptimizerConfig(learning_rate=3e-2)
    )
    model = classifier()
    records: list[dict[str, Any]] = []
    run = finetune(
        model, sequences, LABELS, config, folder=tmp_path / "best", on_epoch=records.append
    )
    assert records == run.history
    losses = [record["validation_loss"] for record in run.history]
    best = int(np.argmin(losses))
    assert run.best_epoch == best + 1
    assert len(losses) == best + 1 + config.patience < config.epochs
    assert [record["best"] for record in run.history] == [
        all(loss < other for other in losses[:epoch]) for epoch, loss in enumerate(losses)
    ]

    # The model has them, and so has the folder.
    held = [sequences[index] for index in run.validation]
    numbers = [HEAD.names.index(LABELS[index]) for index in run.validation]
    for found in (model, HNetForSequenceClassification.from_pretrained(tmp_path / "best")):
        likelihood = predict(found, held)[np.arange(len(held)), numbers]
        assert -np.log(likelihood).mean() == pytest.approx(min(losses), abs=1e-5)


def test_without_validation_every_epoch_counts(sequences: list[Tokens]) -> None:
    config = dataclasses.replace(SHORT, epochs=4, patience=1, validation_fraction=0)
    run = finetune(classifier(), sequences, LABELS, config)
    assert run.validation == []
    assert run.best_epoch == len(run.history) == 4
    assert run.history[0]["validation_loss"] is None


def test_the_same_seed_gives_the_same_weights_and_another_one_others(
    sequences: list[Tokens],
) -> None:
    config = dataclasses.replace(SHORT, strands="augment")
    results = []
    for seed in (3, 3, 4):
        model = classifier()
        run = finetune(model, sequences, LABELS, dataclasses.replace(config, seed=seed))
        losses = [(record["loss"], record["validation_loss"]) for record in run.history]
        results.append((weights(model), losses, run.validation))
    (one, one_losses, _), (two, two_losses, _), (three, three_losses, _) = results
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert one_losses == two_losses != three_losses
    assert not torch.equal(one["head.linear.weight"], three["head.linear.weight"])


def test_rates_rise_then_fall_to_nothing(
    sequences: list[Tokens], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    original = torch.optim.AdamW.step

    def spy(self: torch.optim.AdamW, *args: Any, **kwargs: Any) -> Any:
        rates.append(max(g["lr"] for g in self.param_groups))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    config = dataclasses.replace(
        SHORT, epochs=6, warmup=0.2, head_rate=1.0, part="head", validation_fraction=0
    )
    finetune(classifier(), sequences, LABELS, config)
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(1.0)
    assert top == pytest.approx(0.2 * len(rates), abs=1)
    assert all(a < b for a, b in itertools.pairwise(rates[: top + 1]))
    assert all(a >= b for a, b in itertools.pairwise(rates[top:]))
    assert rates[-1] < 0.02


def test_the_ratio_loss_holds_the_chunks_and_without_it_nothing_does(
    sequences: list[Tokens],
) -> None:
    gaps = {}
    for weight in (0.0, 3.0):
        config = dataclasses.replace(
            SHORT,
            epochs=60,
            batch_tokens=1000,
            validation_fraction=0,
            ratio_targets=[4.0],
            ratio_weights=[weight],
        )
        run = finetune(classifier(), sequences, LABELS, config)
        assert run.ratio_targets == [4.0]
        gaps[weight] = abs(run.history[-1]["tokens_per_chunk"][0] - 4)
    assert gaps[3.0] < 0.5
    assert gaps[0.0] > 1


def test_chunks_are_held_where_they_are_if_no_target_is_given(sequences: list[Tokens]) -> None:
    model = classifier(TWO_STAGES)
    config = dataclasses.replace(SHORT, part="head", epochs=1, validation_fraction=0)
    run = finetune(model, sequences, LABELS, config)
    # Nothing but the head learns, so that the chunks are those that were measured before.
    assert run.ratio_targets == pytest.approx(run.history[0]["tokens_per_chunk"])
    assert all(target > 1.2 for target in run.ratio_targets)


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        ("", "sequence 3: is empty"),
        ("NNNNNN", "sequence 3: holds only N and the like"),
        ("ACGTXACGT", "sequence 3: position 5: 'X'"),
        (np.array([0, 9], np.uint8), "sequence 3: holds token 9; the model knows 0 to 7"),
        (np.array([0.5, 1.0]), "sequence 3: .*float64"),
    ],
)
def test_a_sequence_that_cannot_be_learned_is_named(
    sequence: Any, message: str, sequences: list[Tokens]
) -> None:
    broken: list[Any] = [*sequences]
    broken[3] = sequence
    with pytest.raises(InputError, match=message):
        finetune(classifier(), broken, LABELS, SHORT)


def test_labels_that_do_not_fit_are_named(sequences: list[Tokens]) -> None:
    with pytest.raises(InputError, match="label 1: the head does not know 'third'"):
        finetune(classifier(), sequences[:2], ["first", "third"], SHORT)
    with pytest.raises(InputError, match="24 sequences have 2 labels"):
        finetune(classifier(), sequences, LABELS[:2], SHORT)
    with pytest.raises(InputError, match="no sequences"):
        finetune(classifier(), [], [], SHORT)
    head = HeadConfig("per_position", ["a", "b"])
    model = HNetForTokenClassification.from_causal_lm(make_model("one stage"), head)
    with pytest.raises(InputError, match="sequence 0: has 4 tokens and 3 labels"):
        finetune(model, ["ACGT"], [np.zeros(3, int)], SHORT)


@pytest.mark.parametrize(
    "setting",
    [
        {"epochs": 0},
        {"batch_tokens": 0},
        {"patience": 0},
        {"head_rate": 0.0},
        {"warmup": 1.0},
        {"ratio_targets": [1.0]},
        {"ratio_targets": [3.0, 3.0]},
        {"ratio_weights": [-1.0]},
        {"optimizer": OptimizerConfig(learning_rate=math.nan)},
        {"optimizer": OptimizerConfig(stage_multipliers=[1.0])},
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_meant_is_refused(
    setting: dict[str, Any], sequences: list[Tokens]
) -> None:
    with pytest.raises(UsageError):
        finetune(classifier(), sequences, LABELS, dataclasses.replace(SHORT, **setting))


def test_a_rate_that_blows_up_ends_with_a_reason(sequences: list[Tokens]) -> None:
    model: Any = classifier()
    with torch.no_grad():
        model.head.linear.weight.fill_(math.inf)
    with pytest.raises(FloatingPointError, match=r"step 1: .* lower the learning rates"):
        finetune(model, sequences, LABELS, SHORT)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_model_is_left_in_its_mode_and_the_history_is_json(sequences: list[Tokens]) -> None:
    for training in (True, False):
        model = classifier().train(training)
        run = finetune(model, sequences, LABELS, SHORT)
        assert model.training is training
        predict(model, sequences)
        assert model.training is training
        json.dumps(run.history)


def test_a_prediction_does_not_depend_on_the_batch(sequences: list[Tokens]) -> None:
    model = classifier(head=HeadConfig("single_label", ["a", "b"], "attention"))
    together = predict(model, sequences)
    np.testing.assert_allclose(together, predict(model, sequences, batch_tokens=1), atol=1e-6)
    np.testing.assert_allclose(together[::-1], predict(model, sequences[::-1]), atol=1e-6)
    with pytest.raises(InputError, match="has no sequences"):
        predict(model, [])
