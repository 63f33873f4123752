"""Frozen probes on a model's vectors, beside baselines that see no model.

The model is not trained: its vectors are standardised and go to a probe, whose settings are chosen
inside the training split. What a test scores is thus the representation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.score_rows import Comparison, compare
from hnet_seq.evidence.probes.sequence_features import baseline_probabilities
from hnet_seq.evidence.probes.table import PROBES, ProbeModel
from hnet_seq.evidence.probes.target_probes import TargetModel, predict_targets
from hnet_seq.heads.names import CHUNK_POOLINGS
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.report.twin import TWIN_ROW
from hnet_seq.tasks.classification.targets import (
    fit_target_probe,
    target_baselines,
)
from hnet_seq.tasks.classification.task import Task
from hnet_seq.tasks.embedding.vectors import BATCH_TOKENS, Strands, embed_poolings
from modalities.errors import InputError

MODEL_ROWS = {
    "chunks": "H-Net, mean over chunks",
    "chunks_weighted": "H-Net, mean over chunks by bases",
    "bases": "H-Net, mean over bases",
    "last": "H-Net, last position",
}
_NEAREST = {"attention": "chunks", "attention_bases": "bases", "ends": "bases", "places": "bases"}


@dataclass(frozen=True)
class Scored:
    """One classifier's probabilities (N, C) of the test sequences, under its name."""

    name: str
    kind: Literal["model", "baseline"]
    probabilities: NDArray[np.floating]


@dataclass(frozen=True)
class FrozenScores:
    """Every probe and baseline on the test split; the probes themselves by (pooling, kind)."""

    scored: list[Scored]
    probes: dict[tuple[str, str], ProbeModel | TargetModel]

    def minus_others(self, task: Task) -> list[Comparison]:
        """The first row, which is the kept probe, minus every other; of classes alone."""
        if task.problem != "classes":
            return []
        first, *rest = self.scored
        others = [(each.name, each.kind, [each.probabilities]) for each in rest]
        return compare(first.name, [first.probabilities], others, task.test.labels)


def classify(
    model: HNetLanguageModel,
    task: Task,
    *,
    poolings: Sequence[str],
    probes: Sequence[str] = ("logistic",),
    stage: int = -1,
    strands: Strands = "none",
    batch_tokens: int = BATCH_TOKENS,
    device: str | None = None,
    precision: str = "fp32",
    seed: int = 0,
    progress: bool = False,
    twin: HNetLanguageModel | None = None,
) -> FrozenScores:
    """Fit probes for each pooling, and every baseline, on ``task.train``; apply to ``task.test``.

    The validation split has no part in this.

    Args:
        probes: kinds of :data:`hnet_seq.evidence.probes.table.PROBES`.
        poolings, stage, strands, batch_tokens, device, precision, progress: see
            :func:`hnet_seq.embed`.
        seed: of the folds that choose the settings; they keep the groups of the task together.
        twin: an untrained one, whose vectors are one more baseline, for the first probe and
            pooling; its pass over the sequences costs what the model's does.
    """
    if not isinstance(task, Task):
        raise InputError(None, "is no task; `task_from_data` makes one", where="task")
    train, test = task.train, task.test
    fitted: dict[tuple[str, str], ProbeModel | TargetModel] = {}

    def probe_on(
        source: HNetLanguageModel, poolings: Sequence[str], probes: Sequence[str]
    ) -> Iterator[tuple[str, str, ProbeModel | TargetModel, NDArray[np.floating]]]:
        vectors = embed_poolings(
            source,
            [*train.sequences, *test.sequences],
            poolings=poolings,
            stage=stage,
            strands=strands,
            batch_tokens=batch_tokens,
            device=device,
            precision=precision,
            progress=progress,
        )
        for pooling in poolings:
            fit, held_out = np.split(vectors[pooling], [len(train.sequences)])
            for kind in probes:
                yield (pooling, kind, *_fit(task, kind, fit, held_out, seed))

    scored: list[Scored] = []
    for pooling, kind, probe, found in probe_on(model, poolings, probes):
        fitted[pooling, kind] = probe
        scored.append(Scored(MODEL_ROWS[pooling] + PROBES[kind][2], "model", found))
    if twin is not None:
        for pooling, kind, _, found in probe_on(twin, poolings[:1], probes[:1]):
            name = twin_row(MODEL_ROWS[pooling]) + PROBES[kind][2]
            scored.append(Scored(name, "baseline", found))
    if task.problem != "classes":
        both = strands == "average"
        trivial = target_baselines(task, both_strands=both, seed=seed)
        return FrozenScores([*scored, *(Scored(n, "baseline", p) for n, p in trivial)], fitted)
    baselines = baseline_probabilities(
        train.sequences,
        train.labels,
        test.sequences,
        num_classes=len(task.classes),
        both_strands=strands == "average",
        groups=train.together,
        seed=seed,
    )
    scored += [Scored(name, "baseline", found) for name, found in baselines.items()]
    return FrozenScores(scored, fitted)


def twin_row(name: str) -> str:
    """The name of the untrained twin's line, from that of the model's."""
    return name.replace("H-Net", TWIN_ROW, 1)


def _fit(
    task: Task,
    kind: str,
    vectors: NDArray[np.floating],
    held_out: NDArray[np.floating],
    seed: int,
) -> tuple[ProbeModel | TargetModel, NDArray[np.floating]]:
    """A probe on the training vectors, and what it says of the others."""
    if task.problem != "classes":
        several = fit_target_probe(task, kind, vectors, seed)
        return several, predict_targets(several, held_out)
    probe = PROBES[kind][1](
        vectors,
        task.train.labels,
        num_classes=len(task.classes),
        groups=task.train.together,
        seed=seed,
    )
    return probe, probe.predict_proba(held_out)


def default_poolings(model: HNetLanguageModel) -> list[str]:
    """What ``classify train`` compares, the one whose probe it keeps first."""
    poolings = ["chunks", "bases", "last"]
    return poolings if model.num_stages else [p for p in poolings if p not in CHUNK_POOLINGS]


def nearest_frozen(pooling: str) -> str:
    """The pooling of a probe that is nearest to that of a head."""
    return _NEAREST.get(pooling, pooling)
