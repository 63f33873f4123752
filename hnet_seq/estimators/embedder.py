"""Sequences to vectors, in a scikit-learn pipeline."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from hnet_seq.estimators.base import SequenceEstimator
from hnet_seq.estimators.models import ModelGiven
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS, Strands
from modalities.given import Given


class HNetEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SequenceEstimator):
    """Vectors of sequences from a frozen model: those of :func:`hnet_seq.embed`, value for value.

    Fitting learns nothing: it opens the model, and looks whether it has such vectors and whether
    the sequences are some.

    Args:
        model: the name of a model that comes with the package; the path of a run, a checkpoint or a
            file of weights; a hub id; or what :func:`hnet_seq.load_pretrained` returns.
        pooling, stage, layer, strands: what a vector is of, see :func:`hnet_seq.embed`.
        batch_tokens, device, precision, progress: how it is computed, likewise.

    Attributes:
        model_: the model.
        reading_: what a vector is of, as it was fitted.
    """

    def __init__(
        self,
        model: ModelGiven = "genomes-tiny",
        *,
        pooling: str = "chunks",
        stage: int = -1,
        layer: str | None = None,
        strands: Strands = "none",
        batch_tokens: int = EMBED_BATCH_TOKENS,
        device: str | None = None,
        precision: str = "fp32",
        progress: bool = False,
    ) -> None:
        self.model = model
        self.pooling = pooling
        self.stage = stage
        self.layer = layer
        self.strands = strands
        self.batch_tokens = batch_tokens
        self.device = device
        self.precision = precision
        self.progress = progress

    def fit(self, X: Given, y: Any = None) -> Self:
        """Open the model; ``X`` as for :meth:`transform`, ``y`` is not read.

        Raises:
            InputError: a model or sequence that is none.
            UsageError: a setting that does not fit the model.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Given, y: Any = None) -> NDArray[np.float32]:
        """:meth:`fit` and :meth:`transform`; an iterator is read once."""
        tokens = self._fit(X)
        return self._vectors(self.model_, self.reading_, tokens)

    def transform(self, X: Given) -> NDArray[np.float32]:
        """One vector for each sequence: (N, D) float32.

        Args:
            X: N sequences, as :func:`hnet_seq.embed` takes them; also a Series or a column.

        Raises:
            NotFittedError: :meth:`fit` comes first.
            InputError: no sequences, or one that is none, with its index.
        """
        check_is_fitted(self)
        tokens = self._sequences(X, self.model_, for_learning=False)
        return self._vectors(self.model_, self.reading_, tokens)

    def _fit(self, X: Given) -> list[Any]:
        model, reading = self._opened(), self._reading()
        reading.check(model)
        tokens = self._sequences(X, model, for_learning=False)
        self.model_, self.reading_ = model, reading
        return tokens

    @property
    def _n_features_out(self) -> int:
        """For the names of the columns."""
        return self.reading_.check(self.model_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # letters in, float32 out
        return tags
