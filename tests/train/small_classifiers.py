"""A small classifier that is fine-tuned in a moment, and labelled sequences."""

from __future__ import annotations

import numpy as np

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.train.finetune import FinetuneConfig
from modalities.base import Tokens
from tests.conftest import make_model

HEAD = HeadConfig("single_label", ["first", "second"], "bases")
SHORT = FinetuneConfig(
    epochs=2,
    batch_tokens=200,
    optimizer=OptimizerConfig(learning_rate=1e-2),
    validation_fraction=0.25,
)
LABELS = ["second", "first", "first", "second"] * 6


def random_sequences() -> list[Tokens]:
    """24 of 10 to 40 bases."""
    generator = np.random.default_rng(0)
    return [generator.integers(0, 4, n, np.uint8) for n in generator.integers(10, 41, 24)]


def classifier(
    layout: str = "few layers", head: HeadConfig = HEAD
) -> HNetForSequenceClassification:
    """Untrained."""
    return HNetForSequenceClassification.from_causal_lm(make_model(layout), head)
