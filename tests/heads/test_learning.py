"""Each head learns 32 real sequences by heart: with random labels, nothing else can be learned."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from hnet_seq import HNetConfig
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.names import HEAD_POOLINGS
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.train.finetune import FinetuneConfig, finetune
from hnet_seq.train.predict import predict, predict_positions
from modalities.base import Tokens

pytestmark = pytest.mark.usefixtures("one_thread")

BY_HEART = FinetuneConfig(
    batch_tokens=4000,  # all at once: no order of batches to be lucky with
    optimizer=OptimizerConfig(learning_rate=3e-3, stage_multipliers=[1.0, 1.0], weight_decay=0.0),
    head_rate=1e-2,
    validation_fraction=0,
    # More chunks than the untrained router makes: a mean of few vectors says little.
    ratio_targets=[2.0],
)


class Learned(Exception):
    """Nothing is left to learn."""


def fit(model: Any, sequences: list[Tokens], labels: Any, epochs: int, enough: float) -> None:
    """Train until the mean loss over what is to be learned is below ``enough``, or to the end.

    Where a chunk moves, the loss jumps, at another step with every build of torch and number of
    threads. So the weights of the lowest loss are kept, not the last.
    """

    def end(record: dict[str, Any]) -> None:
        if record["validation_loss"] < enough:
            raise Learned

    settings = dataclasses.replace(BY_HEART, epochs=epochs, patience=epochs)
    with contextlib.suppress(Learned):
        finetune(model, sequences, labels, settings, validation=(sequences, labels), on_epoch=end)


def learn(
    config: HNetConfig,
    head: HeadConfig,
    sequences: list[Tokens],
    labels: Any,
    epochs: int,
    enough: float,
) -> np.ndarray[Any, Any]:
    model = HNetForSequenceClassification(config, head, residual_proj="identity")
    fit(model, sequences, labels, epochs, enough)
    return predict(model, sequences)


#: A label that is wrong costs log 2 at least: with a mean below this, none of 32 is.
NONE_WRONG = math.log(2) / 32


@pytest.mark.parametrize("pooling", HEAD_POOLINGS)
def test_random_labels_are_learned_through_every_pooling(
    pooling: str, small: HNetConfig, ecoli: list[Tokens]
) -> None:
    labels = np.random.default_rng(1).permutation(["second", "first"] * 16)
    head = HeadConfig.from_labels("single_label", labels, pooling=pooling)
    # Chunks change by jumps while the router learns, and take longer.
    chunks = pooling in ("chunks", "chunks_weighted", "attention")
    found = learn(small, head, ecoli, labels, epochs=140 if chunks else 70, enough=NONE_WRONG)
    assert [head.names[k] for k in found.argmax(1)] == labels.tolist()
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)


def test_three_random_classes_are_learned(small: HNetConfig, ecoli: list[Tokens]) -> None:
    labels = np.random.default_rng(1).integers(3, size=32)
    head = HeadConfig.from_labels("single_label", labels, pooling="last")
    found = learn(small, head, ecoli, labels, epochs=70, enough=NONE_WRONG)
    assert found.argmax(1).tolist() == labels.tolist()


def test_random_sets_of_labels_are_learned(small: HNetConfig, ecoli: list[Tokens]) -> None:
    has = np.random.default_rng(1).random((32, 3)) < 0.5
    labels = [[name for name, yes in zip("cab", row, strict=True) if yes] for row in has]
    head = HeadConfig.from_labels("multi_label", labels, pooling="last")
    found = learn(small, head, ecoli, labels, epochs=70, enough=NONE_WRONG / 3) > 0.5
    assert [sorted(label) for label in labels] == [
        [name for name, yes in zip("abc", row, strict=True) if yes] for row in found
    ]


def test_two_random_numbers_are_learned_in_their_own_units(
    small: HNetConfig, ecoli: list[Tokens]
) -> None:
    numbers = np.random.default_rng(1).normal([1000, -3], [50, 0.01], (32, 2))
    head = HeadConfig.from_labels(
        "regression", numbers, pooling="attention_bases", names=["dose", "log"]
    )
    found = learn(small, head, ecoli, numbers, epochs=150, enough=0.008 / 2)
    assert (explained(found, numbers) > 0.99).all()


def test_the_gc_share_is_learned(small: HNetConfig, ecoli: list[Tokens]) -> None:
    gc = np.array([np.isin(sequence, (1, 2)).mean() for sequence in ecoli])
    head = HeadConfig.from_labels("regression", gc, pooling="attention_bases")
    found = learn(small, head, ecoli, gc, epochs=80, enough=0.008)
    assert explained(found, gc[:, None])[0] > 0.99


def explained(found: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """R2 of each column."""
    residual = ((found - numbers) ** 2).sum(0)
    return 1 - residual / ((numbers - numbers.mean(0)) ** 2).sum(0)


def test_the_codon_position_of_every_base_of_a_window_is_learned(
    small: HNetConfig, codons: tuple[Tokens, np.ndarray]
) -> None:
    window, labels = codons
    assert len(set(labels.tolist())) == 4
    head = HeadConfig("per_position", ["1", "2", "3", "outside"])
    model = HNetForTokenClassification(small, head, residual_proj="identity")
    # Labels that are not there are not learned from, whatever the position.
    given = labels.copy()
    given[500:520] = -100
    fit(model, [window], [given], epochs=150, enough=0.01 * math.log(2))
    (found,) = predict_positions(model, [window])
    known = given >= 0
    assert (found.argmax(1)[known] == labels[known]).mean() > 0.99
