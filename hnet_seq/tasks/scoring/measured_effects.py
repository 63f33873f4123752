"""How well a model ranks measured effects, beside what ranks them without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.evidence.probes.ridge import fit_ridge
from hnet_seq.evidence.probes.sequence_features import LONGEST_WORD, gc_share, word_frequencies
from hnet_seq.evidence.similarity.edits import edits_from, reference_of
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.scores import EffectRow
from hnet_seq.tasks.embedding.vectors import Strands, embed_poolings
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from hnet_seq.tasks.scoring.position_vectors import COMPONENTS, position_vectors
from hnet_seq.tasks.scoring.sequences import BATCH_TOKENS, score
from modalities import dna
from modalities.base import Tokens

_COLUMNS_LIMIT = 1 << 13  # beyond that the products take minutes
_POOLINGS = {"chunks": "mean over chunks", "bases": "mean over bases"}


@dataclass(frozen=True)
class Effects:
    """All rankings, and what each says of every test row.

    Attributes:
        rows: models first.
        predictions: (N,) by name, in the order of the test rows.
    """

    rows: list[EffectRow]
    predictions: dict[str, NDArray[np.float64]]


def measured_effects(
    model: HNetForCausalLM,
    table: MeasuredTable,
    *,
    flanks: tuple[Tokens, Tokens] | None = None,
    strands: Strands = "average",
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    progress: bool = False,
) -> Effects:
    """Rank the test rows in several ways, all in one run.

    Without measurements: the log-likelihood of the sequence between its flanks (of each base too,
    where lengths differ); minus the edits from the consensus of the training rows; the share of G
    and C; the length, where lengths differ. Fitted on the training rows, ridge regressions with
    the penalty chosen inside them: on the model's embeddings, and where lengths are equal on those
    of each position; on one letter at each position where lengths are equal; and on 1- to 5-mer
    frequencies.

    Args:
        flanks: bases on the left and on the right, which the model sees and baselines do not need.
        strands: ``average`` with the reverse complement, for all that the model says.
        seed: of folds.
    """
    test, train = table.is_test, ~table.is_test
    own = [table.sequences[index] for index in np.flatnonzero(test)]
    fitted_on = [table.sequences[index] for index in np.flatnonzero(train)]
    equal = len({len(sequence) for sequence in table.sequences}) == 1
    whole = with_flanks(table.sequences, flanks)
    model_rows = {}

    named = ((f"line {table.lines[i]}", whole[i]) for i in np.flatnonzero(test))
    scores = list(score(model, named, strands=strands, batch_tokens=batch_tokens))
    model_rows["log-likelihood"] = np.array([x.log_likelihood for x in scores])
    if not equal:
        model_rows["log-likelihood per base"] = np.array(
            [x.log_likelihood / max(x.scored, 1) for x in scores]
        )
    baseline_rows = unfitted_baselines(fitted_on, own)
    without = set(model_rows) | set(baseline_rows)

    def ridge(features: np.ndarray) -> NDArray[np.float64]:
        fitted = fit_ridge(features[train], table.values[train], table.groups[train], seed=seed)
        return fitted.predict(features[test])

    poolings = [name for name in _POOLINGS if model.num_stages or name == "bases"]
    vectors = embed_poolings(
        model,
        whole,
        poolings=poolings,
        strands=strands,
        batch_tokens=batch_tokens,
        progress=progress,
    )
    for pooling in poolings:
        model_rows[f"ridge on embeddings, {_POOLINGS[pooling]}"] = ridge(vectors[pooling])
    if equal and COMPONENTS * len(own[0]) <= _COLUMNS_LIMIT:
        left = 0 if flanks is None else len(flanks[0])
        of_positions = position_vectors(
            model,
            whole,
            train,
            inside=slice(left, left + len(own[0])),
            strands=strands,
            batch_tokens=batch_tokens,
        )
        model_rows["ridge on embeddings of each position"] = ridge(of_positions)
    if equal and 4 * len(own[0]) <= _COLUMNS_LIMIT:
        baseline_rows["ridge on one letter at each position"] = ridge(one_hot(table.sequences))
    words = word_frequencies(table.sequences, LONGEST_WORD)
    baseline_rows[f"ridge on 1- to {LONGEST_WORD}-mer frequencies"] = ridge(words)

    measured = table.values[test]
    groups: dict[Literal["model", "baseline"], dict[str, NDArray[np.float64]]] = {
        "model": model_rows,
        "baseline": baseline_rows,
    }
    rows = [
        EffectRow(
            name=name,
            kind=kind,
            fitted=name not in without,
            spearman=spearman(values, measured, groups=table.groups[test]),
        )
        for kind, group in groups.items()
        for name, values in group.items()
    ]
    return Effects(rows, {**model_rows, **baseline_rows})


def one_hot(sequences: list[Tokens]) -> NDArray[np.float64]:
    """(N, 4 L): 1 where a position has that letter; zeros where it is unknown."""
    stacked = np.stack(sequences)
    hot = stacked[:, :, None] == np.array(dna.BASES, np.uint8)
    return hot.reshape(len(stacked), -1).astype(np.float64)


def unfitted_baselines(train: list[Tokens], test: list[Tokens]) -> dict[str, NDArray[np.float64]]:
    """(N,) by name: rankings of ``test`` that know no measurement and no model.

    The consensus is of ``train``; the length counts where any two lengths differ.
    """
    reference, name = reference_of(train)
    found = {
        f"minus edits from the {name}": -edits_from(reference, test).astype(float),
        "share of G and C": gc_share(test),
    }
    if len({len(sequence) for sequence in (*train, *test)}) > 1:
        found["length"] = np.array([float(len(x)) for x in test])
    return found


def with_flanks(sequences: list[Tokens], flanks: tuple[Tokens, Tokens] | None) -> list[Tokens]:
    """Sequences with bases on their left and right."""
    if flanks is None:
        return sequences
    left, right = flanks
    return [np.concatenate([left, sequence, right]) for sequence in sequences]
