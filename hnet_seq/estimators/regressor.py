"""A number of each sequence, as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from hnet_seq.estimators.inputs import numbers_of
from hnet_seq.estimators.models import ModelGiven
from hnet_seq.estimators.predictor import SequencePredictor, Training
from hnet_seq.evidence.probes.target_probes import RIDGE, fit_targets, predict_targets
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS
from hnet_seq.train.finetune_config import FinetuneConfig, Strands
from modalities.given import Given


class HNetRegressor(RegressorMixin, SequencePredictor):
    """A number of each sequence: by ridge regression on a frozen model's vectors, or fine-tuned.

    Arguments and attributes are those of :class:`HNetClassifier`, without ``probe`` and
    ``classes_``.
    """

    def __init__(
        self,
        model: ModelGiven = "genomes-tiny",
        *,
        training: Training = "frozen",
        pooling: str = "chunks",
        stage: int = -1,
        layer: str | None = None,
        strands: Strands = "none",
        markers: bool = False,
        finetuning: FinetuneConfig | None = None,
        batch_tokens: int = EMBED_BATCH_TOKENS,
        device: str | None = None,
        precision: str = "fp32",
        random_state: Any = 0,
        progress: bool = False,
    ) -> None:
        self.model = model
        self.training = training
        self.pooling = pooling
        self.stage = stage
        self.layer = layer
        self.strands = strands
        self.markers = markers
        self.finetuning = finetuning
        self.batch_tokens = batch_tokens
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Given, y: Any, *, groups: Any = None) -> Self:
        """Learn; ``y`` is (N,) numbers, the rest as of :meth:`HNetClassifier.fit`."""
        model, config, seed = self._started()
        tokens = self._sequences(X, model, for_learning=True)
        numbers = numbers_of(y, len(tokens))
        self._learn(
            model,
            config,
            seed,
            tokens,
            groups,
            lambda vectors, together: fit_targets(
                "regression", RIDGE, vectors, numbers[:, None], together, seed
            ),
            lambda: HeadConfig.from_labels(
                "regression",
                numbers,
                pooling=self.pooling,
                stage=self.stage,
                markers=self.markers,
            ),
            numbers,
        )
        return self

    def predict(self, X: Given) -> NDArray[np.floating]:
        """(N,) in the units of ``y``; a number depends on its sequence alone, up to rounding.

        Raises:
            NotFittedError: :meth:`fit` comes first.
            InputError: no sequences, or one that is none, with its index.
        """
        return self._predicted(X, predict_targets)[:, 0]
