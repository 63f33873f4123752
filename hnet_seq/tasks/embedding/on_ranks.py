"""Vectors by several ranks: units in a shared folder, each a spool, and one file from all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.embedding.overview import Sampled, sample_of
from hnet_seq.tasks.embedding.part_rows import append_part
from hnet_seq.tasks.embedding.plan import Plan, part_tokens
from hnet_seq.tasks.embedding.space import check_space, expected_rows
from hnet_seq.tasks.embedding.spool import Spool
from hnet_seq.tasks.embedding.spooled_rows import JoinedRows, SpooledRows
from hnet_seq.tasks.ranked.compute import Progress, compute
from hnet_seq.tasks.ranked.digests import computed_by
from hnet_seq.tasks.ranked.ranks import Ranks
from hnet_seq.tasks.ranked.shared_run import open_shared
from hnet_seq.tasks.ranked.units import Part, units_of
from hnet_seq.tasks.sequences.inputs import NamedSequence, SequenceSource
from hnet_seq.tasks.sequences.parts import in_parts
from modalities.errors import UsageError

WriteRows: TypeAlias = Callable[[SpooledRows, float, Sampled], None]


def on_ranks(
    model: HNetLanguageModel,
    sequences: SequenceSource,
    plan: Plan,
    parts: Sequence[Part],
    identity: dict[str, Any],
    out: Path,
    ranks: Ranks,
    write: WriteRows,
) -> None:
    """This rank's share of the vectors; and of all, the output, if it is the last one.

    Args:
        sequences: after a whole pass.
        parts: of the input, as :func:`hnet_seq.tasks.sequences.parts.in_parts` cuts it.
        write: makes the output from rows, the seconds that they took, and the sample.

    Raises:
        UsageError: ``OUT.partial``, of a run in one process, is there.
    """
    alone = out.with_name(f"{out.name}.partial")
    if alone.exists():
        raise UsageError(
            "out",
            f"{alone} holds an unfinished run of one process; finish it in one, or delete it",
        )
    outputs = [out, out.with_suffix(".json")]
    known = identity | computed_by(model.embeddings.weight.device)
    width, columns = plan.layer.width, plan.columns

    def read() -> Iterator[list[NamedSequence]]:
        return in_parts(sequences.sequences(), part_tokens(plan), lambda own: len(own.tokens))

    def work(own: Iterator[list[NamedSequence]], folder: Path, progress: Progress) -> None:
        spool = Spool(folder, width, columns)  # goes on where a killed rank committed last
        seen = 0
        for part in own:
            seen += len(part)
            if seen > spool.sequences:
                began = time.perf_counter()
                append_part(model, part, plan, spool)
                spool.commit(seen, time.perf_counter() - began)
            progress.add(sum(len(found.tokens) for found in part))
        spool.finish()

    with open_shared(out, known, units_of(parts), ranks) as run:
        if run is None:
            return
        if len(run.missing()) == len(run.units):
            # Units and the output lie there together, whatever its format.
            check_space(out, run.folder, ".parquet", expected_rows(sequences, plan), width, 0)
        compute(run, "embed", read, work)
        with run.merging(outputs) as folders:
            if folders is not None:
                rows = JoinedRows(run.folder, width, columns, folders)
                write(rows, rows.seconds, _sampled(sequences, plan))


def _sampled(sequences: SequenceSource, plan: Plan) -> Sampled:
    assert sequences.count is not None
    sampled = sample_of(sequences.count)
    if plan.options.level == "sequence":
        for index, found in enumerate(sequences.sequences()):
            sampled.see(index, found.name, found.label, found.tokens, plan.modality)
    return sampled
