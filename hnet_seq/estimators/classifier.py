"""Classes of sequences, as a scikit-learn classifier."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from hnet_seq.estimators.inputs import class_labels
from hnet_seq.estimators.models import ModelGiven
from hnet_seq.estimators.predictor import SequencePredictor, Training
from hnet_seq.evidence.probes.table import PROBES, ProbeModel
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS
from hnet_seq.tasks.classification.arguments import DEFAULT_PROBE
from hnet_seq.train.finetune_config import FinetuneConfig, Strands
from modalities.errors import UsageError
from modalities.given import Given


class HNetClassifier(ClassifierMixin, SequencePredictor):
    """A class of each sequence: by a probe on a frozen model's vectors, or fine-tuned.

    Args:
        model: as of :class:`HNetEmbedder`; it is never changed, also where it is fine-tuned.
        training: ``frozen`` fits a probe on vectors; ``finetuned`` trains a copy of the model.
        probe: of ``frozen``: ``logistic`` (None), ``svm`` or ``knn``; its settings are chosen
            inside the training sequences.
        pooling, stage: what a sequence's vector is of, see :func:`hnet_seq.embed`; of
            ``finetuned`` a pooling of :class:`hnet_seq.HeadConfig`.
        layer: of ``frozen``, see :func:`hnet_seq.embed`.
        strands: ``none`` or ``average``; of ``finetuned`` also ``augment``.
        markers: of ``finetuned``, see :class:`hnet_seq.HeadConfig`.
        finetuning: of ``finetuned``: everything else about it. Where the model lies in a run,
            targets and weights of the ratio loss that are not given here are the run's.
        batch_tokens: bases of one forward call, outside fine-tuning.
        device, precision, progress: see :func:`hnet_seq.embed`.
        random_state: decides every draw: folds, first weights, batches. A number gives the same
            each time.

    Attributes:
        classes_: (C,) sorted.
        model_, probe_, history_, seed_: see :class:`SequencePredictor`.
    """

    probe_: ProbeModel | None

    def __init__(
        self,
        model: ModelGiven = "genomes-tiny",
        *,
        training: Training = "frozen",
        probe: Literal["logistic", "svm", "knn"] | None = None,
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
        self.probe = probe
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
        """Learn.

        Args:
            X: N sequences, as :meth:`HNetEmbedder.transform` takes them.
            y: (N,) class of each: text or whole numbers.
            groups: (N,) what belongs together, such as genes: settings are chosen, and training is
                stopped early, by whole groups. Copies of a sequence and its reverse complement are
                together in any case.

        Raises:
            InputError: a model, sequence, label or group that is none; names the parameter and the
                index.
            UsageError: a setting that does not fit the model.
        """
        model, config, seed = self._started()
        fit_probe = PROBES[self._probe_kind()][1]
        tokens = self._sequences(X, model, for_learning=True)
        classes, numbers = class_labels(y, len(tokens))
        names = [f"{name}" for name in classes.tolist()]
        self._learn(
            model,
            config,
            seed,
            tokens,
            groups,
            lambda vectors, together: fit_probe(
                vectors, numbers, num_classes=len(names), groups=together, seed=seed
            ),
            lambda: HeadConfig(
                "single_label", sorted(names), self.pooling, self.stage, markers=self.markers
            ),
            [names[number] for number in numbers],
        )
        self.classes_ = classes
        return self

    def predict_proba(self, X: Given) -> NDArray[np.floating]:
        """(N, C) of ``classes_``; a row depends on its sequence alone, up to rounding.

        Raises:
            NotFittedError: :meth:`fit` comes first.
            InputError: no sequences, or one that is none, with its index.
        """
        found = self._predicted(X, lambda probe, vectors: probe.predict_proba(vectors))
        if self.probe_ is not None:
            return found
        # A head has its names in the order of text, where 10 comes before 9.
        at = {name: column for column, name in enumerate(self.model_.head_config.names)}
        return found[:, [at[f"{name}"] for name in self.classes_.tolist()]]

    def predict(self, X: Given) -> NDArray[Any]:
        """(N,) the most probable of ``classes_``; errors as :meth:`predict_proba`."""
        found: NDArray[Any] = self.predict_proba(X).argmax(1)
        return self.classes_[found]

    def _probe_kind(self) -> str:
        if self.training == "finetuned" and self.probe is not None:
            raise UsageError("probe", "is for training='frozen'; leave it out")
        kind = DEFAULT_PROBE if self.probe is None else self.probe
        if not isinstance(kind, str) or kind not in PROBES:
            raise UsageError("probe", f"is {kind!r}; expected one of {', '.join(PROBES)}")
        return kind
