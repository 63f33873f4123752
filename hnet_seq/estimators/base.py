"""What the estimators have in common: parameters, tags, clones that share a model, folders."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from hnet_seq.estimators.inputs import sequences_of
from hnet_seq.estimators.models import ModelGiven, Reading, opened
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.embedding.layers import check_batch_tokens
from hnet_seq.train.precision import PRECISIONS
from hnet_seq.train.predict import modality_of
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given


class SequenceEstimator(BaseEstimator):
    """An estimator whose samples are sequences.

    Attributes:
        model_: what computes; never changed.
        reading_: of which of its hidden states vectors are made.
    """

    model: ModelGiven
    pooling: str
    stage: int
    layer: str | None
    strands: Any
    batch_tokens: int
    device: str | None
    precision: str
    progress: bool
    model_: Any
    reading_: Reading

    def _opened(self) -> HNetLanguageModel:
        """The model, after a look at what every estimator is given."""
        check_batch_tokens(self.batch_tokens)
        if self.precision not in PRECISIONS:
            message = f"is {self.precision!r}; expected {' or '.join(PRECISIONS)}"
            raise UsageError("precision", message)
        return opened(self.model, self.device)

    def _reading(self) -> Reading:
        return Reading(self.pooling, self.stage, self.layer, self.strands)

    def _sequences(self, X: Given, model: Any, *, for_learning: bool) -> list[Tokens]:
        return sequences_of(
            X, modality_of(model), model.config.vocab_size, for_learning=for_learning
        )

    def _vectors(
        self, model: HNetLanguageModel, reading: Reading, tokens: list[Tokens]
    ) -> NDArray[np.float32]:
        return reading.vectors(
            model,
            tokens,
            batch_tokens=self.batch_tokens,
            device=self.device,
            precision=self.precision,
            progress=self.progress,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def __sklearn_clone__(self) -> Self:
        """The same parameters, not fitted. A model that was given as an object is shared."""
        without = copy.copy(self)
        without.model = "shared"
        made: Self = super(SequenceEstimator, without).__sklearn_clone__()
        made.model = self.model
        return made

    def save(self, folder: str | Path) -> None:
        """Write what was fitted into a folder, for :meth:`load`: safetensors and JSON alone.

        The model's weights lie in it too, unless they come with the package. An earlier folder of
        an estimator, with nothing else in it, is replaced, whole or not at all.

        Raises:
            NotFittedError: there is nothing to write.
            UsageError: ``folder`` is something else, or holds something else.
            InputError: a parameter or class has no form in JSON.
        """
        from hnet_seq.estimators.folder import save_estimator

        check_is_fitted(self)
        save_estimator(self, folder)

    @classmethod
    def load(cls, folder: str | Path, *, device: str | None = None) -> Self:
        """What :meth:`save` wrote, fitted as it was; no code is run from the folder.

        ``model`` is as it was given; of a frozen model, where nothing is there now or it was an
        object, the folder's own copy.

        Args:
            device: where to compute from now on; None is what was saved.

        Raises:
            InputError: the folder is none of this class, is damaged, or was fitted on other weights
                than those that the package has.
        """
        from hnet_seq.estimators.folder import load_estimator

        found = load_estimator(cls, folder, device)
        assert isinstance(found, cls)
        return found


def seed_of(random_state: Any) -> int:
    """The number that decides every draw: itself, or one drawn from what scikit-learn takes.

    Raises:
        InputError: it is nothing of that. Names ``random_state``.
    """
    if isinstance(random_state, int | np.integer) and 0 <= random_state < 1 << 32:
        return int(random_state)
    try:
        return int(check_random_state(random_state).randint(1 << 31))
    except ValueError as error:
        raise InputError(None, f"{error}", where="random_state") from None
