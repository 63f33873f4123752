"""Labels that are a matter of place are learned, and generalise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hnet_seq import HNetConfig
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification, PlaceReadout
from hnet_seq.train.finetune import finetune
from hnet_seq.train.predict import predict
from tests.heads.test_learning import BY_HEART

pytestmark = pytest.mark.usefixtures("one_thread")


def test_at_first_places_weigh_nothing() -> None:
    readout = PlaceReadout(8, 3)
    hidden = torch.randn(10, 8, generator=torch.Generator().manual_seed(0))
    out = readout(hidden, torch.tensor([0, 4, 10]))
    assert torch.equal(out, torch.zeros(2, 3))


def test_a_place_is_counted_from_the_start_of_its_sequence() -> None:
    readout = PlaceReadout(8, 3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        readout.weights.copy_(torch.randn(readout.weights.shape, generator=generator))
    hidden = torch.randn(2010, 8, generator=generator)
    together = readout(hidden, torch.tensor([0, 1, 2010]))  # the second goes beyond the table
    apart = [readout(h, torch.tensor([0, len(h)])) for h in (hidden[:1], hidden[1:])]
    torch.testing.assert_close(together, torch.cat(apart))
    features = readout.features(hidden)
    weights = readout.weights.unflatten(1, (3, -1))
    by_hand = weights[0] @ features[0]
    torch.testing.assert_close(together[0], by_hand)


def test_a_letter_at_one_place_decides_and_is_found_in_new_sequences(small: HNetConfig) -> None:
    random = np.random.default_rng(3)
    sequences = [random.integers(0, 4, 40).astype(np.uint8) for _ in range(400)]
    labels = ["purine" if s[17] in (0, 2) else "pyrimidine" for s in sequences]
    right = {}
    for pooling in ("attention_bases", "places"):
        head = HeadConfig.from_labels("single_label", labels, pooling=pooling)
        model = HNetForSequenceClassification(small, head, residual_proj="identity")
        settings = dataclasses.replace(BY_HEART, epochs=10)
        done = finetune(model, sequences[:300], labels[:300], settings)
        found = predict(model, sequences[300:]).argmax(1)
        right[pooling] = np.mean([head.names[k] == y for k, y in zip(found, labels[300:])])  # noqa: B905
        # The control learns as well, though nothing that generalises.
        assert done.history[-1]["loss"] < 0.97 * done.history[0]["loss"]
    assert right["places"] > 0.95
    assert right["attention_bases"] < 0.8
