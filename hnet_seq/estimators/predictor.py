"""What the classifier and the regressor do alike: a probe on a frozen model, or a fine-tuned one.

Both are those of ``classify train`` and ``classify finetune``: the same functions, and of the same
sequences, groups and seed the same weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from hnet_seq.estimators.base import SequenceEstimator, seed_of
from hnet_seq.estimators.inputs import groups_of
from hnet_seq.estimators.models import ONE_AT_A_TIME
from hnet_seq.evidence.probes.table import ProbeModel
from hnet_seq.evidence.probes.target_probes import TargetModel
from hnet_seq.heads.head_config import HEAD_POOLINGS, HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.classification.frozen import nearest_frozen
from hnet_seq.tasks.classification.settings import pretraining_ratios
from hnet_seq.tasks.embedding.layer_choice import layer_of_pooling
from hnet_seq.tasks.embedding.layers import modality_of
from hnet_seq.train.finetune import finetune
from hnet_seq.train.finetune_config import STRANDS, FinetuneConfig
from hnet_seq.train.finetune_config import Strands as TrainedStrands
from hnet_seq.train.grouped_draw import kept_together
from hnet_seq.train.predict import predict, strand_table
from modalities.base import Tokens
from modalities.errors import UsageError
from modalities.given import Given

Training = Literal["frozen", "finetuned"]
_OWN = ("seed", "strands", "precision")  # of a FinetuneConfig, which the estimator has too


class SequencePredictor(SequenceEstimator):
    """An estimator that learns from labelled sequences.

    Attributes:
        probe_: what was fitted on the vectors; None where the model itself learned.
        history_: of fine-tuning, see :func:`hnet_seq.finetune`; else empty.
        seed_: that decided every draw.
    """

    training: Training
    markers: bool
    finetuning: FinetuneConfig | None
    random_state: Any
    strands: TrainedStrands
    probe_: ProbeModel | TargetModel | None
    history_: list[dict[str, Any]]
    seed_: int

    def _started(self) -> tuple[HNetLanguageModel, FinetuneConfig | None, int]:
        """The model, how it is fine-tuned, and the seed, after a look at all parameters."""
        model = self._opened()
        if self.training not in ("frozen", "finetuned"):
            raise UsageError("training", f"is {self.training!r}; expected frozen or finetuned")
        seed = seed_of(self.random_state)
        if self.training == "frozen":
            for name, given in (("finetuning", self.finetuning), ("markers", self.markers)):
                if given:
                    raise UsageError(name, "is for training='finetuned'; leave it out")
            self._reading().check(model)
            return model, None, seed
        if self.layer is not None:
            raise UsageError("layer", "is for training='frozen'; a head has its pooling's own")
        if self.pooling not in HEAD_POOLINGS:
            names = ", ".join(HEAD_POOLINGS)
            raise UsageError("pooling", f"is {self.pooling!r}; expected one of {names}")
        layer_of_pooling(model.config, nearest_frozen(self.pooling), self.stage)
        strand_table(modality_of(model), self.strands, STRANDS)
        return model, self._config(model, seed), seed

    def _config(self, model: HNetLanguageModel, seed: int) -> FinetuneConfig:
        """How to fine-tune; what is not given of the ratios is that of the model's own run."""
        given = self.finetuning or FinetuneConfig()
        if not isinstance(given, FinetuneConfig):
            raise UsageError("finetuning", "is no hnet_seq.FinetuneConfig")
        own: dict[str, Any] = {"seed": seed, "strands": self.strands, "precision": self.precision}
        for name in _OWN:
            said = getattr(given, name)
            if said not in (getattr(FinetuneConfig(), name), own[name]):
                remedy = "random_state" if name == "seed" else name
                message = f"has {name} {said!r}; give the estimator's own {remedy}"
                raise UsageError("finetuning", message)
        if isinstance(self.model, str | PathLike):
            multipliers, targets, weights = pretraining_ratios(f"{self.model}")
            optimizer = given.optimizer
            if not optimizer.stage_multipliers:
                optimizer = replace(optimizer, stage_multipliers=multipliers)
            given = replace(
                given,
                optimizer=optimizer,
                ratio_targets=given.ratio_targets or targets,
                ratio_weights=given.ratio_weights or weights,
            )
        config = replace(given, **own)
        config.validate(model.num_stages)
        return config

    def _learn(
        self,
        model: HNetLanguageModel,
        config: FinetuneConfig | None,
        seed: int,
        tokens: list[Tokens],
        groups: Any,
        fit_probe: Callable[[NDArray[np.float32], list[str]], ProbeModel | TargetModel],
        head: Callable[[], HeadConfig],
        labels: Any,
    ) -> None:
        """Fit on the sequences; what was fitted before stays where that fails.

        Args:
            fit_probe: of vectors (N, D) and N groups, a probe.
            head: for what is fine-tuned, and ``labels`` as it takes them.
        """
        given = groups_of(groups, len(tokens))
        # Copies of a sequence are one group, or choosing a setting would reward learning by heart.
        table = modality_of(model).complement_table
        together = kept_together(tokens, table, *([] if given is None else [given])).groups
        names = [str(number) for number in together.tolist()]
        if config is None:
            reading = self._reading()
            probe = fit_probe(self._vectors(model, reading, tokens), names)
            self.model_, self.reading_, self.probe_ = model, reading, probe
            self.seed_, self.history_ = seed, []
            return
        with ONE_AT_A_TIME:
            own = copy.deepcopy(model)
        tuned = HNetForSequenceClassification.from_causal_lm(own, head(), seed=seed)
        done = finetune(
            tuned,
            tokens,
            labels,
            config,
            groups=names,
            device=self.device,
            progress=self.progress,
        )
        self.model_, self.probe_ = tuned.eval(), None
        self.seed_, self.history_ = seed, done.history

    def _predicted(
        self,
        X: Given,
        of_probe: Callable[[Any, NDArray[np.float32]], NDArray[np.floating]],
    ) -> NDArray[np.floating]:
        """(N, C) of the probe, or of the fine-tuned model in the order of its head's names."""
        check_is_fitted(self)
        tokens = self._sequences(X, self.model_, for_learning=False)
        if self.probe_ is not None:
            return of_probe(self.probe_, self._vectors(self.model_, self.reading_, tokens))
        with ONE_AT_A_TIME:
            return predict(
                self.model_,
                tokens,
                batch_tokens=self.batch_tokens,
                device=self.device,
                precision=self.precision,
                progress=self.progress,
            )
