"""The rows of one part of the input, computed and put in a spool."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.embedding.layers import listening
from hnet_seq.tasks.embedding.plan import Plan
from hnet_seq.tasks.embedding.rows import Calls, sequence_rows
from hnet_seq.tasks.embedding.spool import Spool
from hnet_seq.tasks.embedding.vectors import STRANDS, embed
from hnet_seq.tasks.sequences.inputs import NamedSequence
from hnet_seq.train.predict import computing, strand_table


def append_part(
    model: HNetLanguageModel, part: list[NamedSequence], plan: Plan, spool: Spool
) -> None:
    """Append the rows of the sequences, in their order; they depend on the part alone."""
    (_pool_part if plan.pooling else _row_part)(model, part, plan, spool)


def _pool_part(
    model: HNetLanguageModel, part: list[NamedSequence], plan: Plan, spool: Spool
) -> None:
    options = plan.options
    assert plan.pooling is not None
    vectors = embed(
        model,
        [found.tokens for found in part],
        pooling=plan.pooling,
        stage=options.stage,
        layer=options.layer,
        strands=options.strands,
        batch_tokens=options.batch_tokens,
        cache_limit=options.cache_limit,
        device=model.embeddings.weight.device,
    )
    lengths = np.array([len(found.tokens) for found in part], np.int64)
    spool.append({**_names(part, plan, None), "length": lengths}, vectors)


def _row_part(
    model: HNetLanguageModel, part: list[NamedSequence], plan: Plan, spool: Spool
) -> None:
    options = plan.options
    complement = strand_table(plan.modality, options.strands, STRANDS)
    device = model.embeddings.weight.device
    with (
        computing(model, device) as where,
        torch.inference_mode(),
        listening(model, plan.layer) as placed,
    ):
        calls = Calls(
            model,
            plan.layer,
            placed,
            options.batch_tokens,
            options.cache_limit,
            where,
            complement,
        )
        for rows in sequence_rows(calls, [found.tokens for found in part]):
            count = len(rows.start)
            columns = _names([part[rows.sequence]], plan, count)
            if rows.boundary_prob is None:
                columns["position"] = rows.start
            else:
                columns["stage"] = np.full(count, plan.layer.resolution - 1)
                columns["start"], columns["end"] = rows.start, rows.end
                columns["boundary_prob"] = rows.boundary_prob
            spool.append(columns, rows.vectors)


def _names(part: list[NamedSequence], plan: Plan, repeat: int | None) -> dict[str, Any]:
    times = 1 if repeat is None else repeat
    columns: dict[str, Any] = {"id": [found.name for found in part] * times}
    if plan.options.label:
        columns["label"] = [found.label or "" for found in part] * times
    return columns
