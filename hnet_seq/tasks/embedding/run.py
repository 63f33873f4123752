"""From sequences to a file of vectors: checked, announced, computed a part at a time, resumable."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import attention_window
from hnet_seq.tasks.embedding.about import about_vectors, check_about
from hnet_seq.tasks.embedding.files import KEYED_BY_ID, vector_format, write_vectors
from hnet_seq.tasks.embedding.on_ranks import WriteRows, on_ranks
from hnet_seq.tasks.embedding.overview import Sampled, overview, sample_of
from hnet_seq.tasks.embedding.part_rows import append_part
from hnet_seq.tasks.embedding.plan import (
    EmbedOptions,
    Plan,
    described,
    identity_of,
    part_tokens,
    plan_embedding,
)
from hnet_seq.tasks.embedding.space import check_space, expected_rows
from hnet_seq.tasks.embedding.spool import Spool, open_spool
from hnet_seq.tasks.embedding.spooled_rows import SpooledRows
from hnet_seq.tasks.ranked.ranks import check_ranks_input, find_ranks, rank_device
from hnet_seq.tasks.ranked.shared_run import goes_on_ranks
from hnet_seq.tasks.ranked.units import Part, sequence_cost
from hnet_seq.tasks.run_identity import weights_sha256
from hnet_seq.tasks.sequences.inputs import SequenceSource, open_sequences
from hnet_seq.tasks.sequences.parts import in_parts
from hnet_seq.train.precision import computing_in
from modalities.errors import InputError
from pipelines.files import check_file
from pipelines.progress import progress_bar
from pipelines.table_rows import RowFilter


def run(
    checkpoint: str | Path,
    source: str | Path,
    out: str | Path,
    options: EmbedOptions,
    *,
    genome: str | Path | None = None,
    where: RowFilter | None = None,
    blocks: bool = False,
    device: str | None = None,
    twin: bool = False,
) -> None:
    """Embed all sequences of ``source``; ``<out>.json`` says how.

    Of several ranks each does its share (docs/scale.md). ``twin`` embeds with the untrained twin.

    Raises:
        InputError: a sequence that cannot be read, or an id that is there twice where rows are
            found by id; before anything is computed.
        UsageError: options that do not fit the model or each other, too little free space, or an
            unfinished run of something else in ``<out>.partial``.
    """
    out = Path(out)
    if out.suffix != ".zarr":
        check_file(out)
    kind = vector_format(out)
    out = out.resolve() if out.is_symlink() else out  # files beside it are on its disk
    about_path = out.with_suffix(".json")
    check_about(about_path)
    ranks = find_ranks()
    check_ranks_input(source, ranks)
    model = load_pretrained(checkpoint, rank_device(device, ranks), twin=twin)
    plan = plan_embedding(model, options)
    sequences = open_sequences(
        source,
        genome=genome,
        label=options.label,
        where=where,
        blocks=blocks,
        modality=plan.modality,
    )
    if sequences.left_out and ranks.rank == 0:
        names = ", ".join(sequences.left_out)
        print(f"note: {source}: not kept: {names}; --label keeps a column", file=sys.stderr)
    # The first pass finds what is wrong with the input, and how many vectors there will be.
    cost = sequence_cost(model.config, options.attention_window)
    parts = _check(
        sequences, part_tokens(plan), cost, unique=kind in KEYED_BY_ID, shown=ranks.rank == 0
    )
    identity = identity_of(model, weights_sha256(checkpoint), sequences.digest, plan)
    if ranks.rank == 0:
        _announce(sequences, plan, out)

    def write(rows: SpooledRows, seconds: float, sampled: Sampled) -> None:
        whole = options.level == "sequence"
        seen = overview(sampled, rows.vectors_at(sampled.places)) if whole else None
        about = about_vectors(identity, checkpoint, source, sequences, rows, seconds, out, seen)
        write_vectors(rows, out, described(identity, plan), level=options.level)
        about.write(about_path)

    precision = computing_in(options.precision, model.embeddings.weight.device)
    with precision, attention_window(model, options.attention_window):
        if goes_on_ranks(out, ranks):
            on_ranks(model, sequences, plan, parts, identity, out, ranks, write)
        else:
            _alone(model, sequences, plan, identity, out, write)


def _alone(
    model: HNetLanguageModel,
    sequences: SequenceSource,
    plan: Plan,
    identity: dict[str, Any],
    out: Path,
    write: WriteRows,
) -> None:
    assert sequences.count is not None
    sampled = sample_of(sequences.count)
    folder = out.with_name(f"{out.name}.partial")
    with open_spool(folder, identity, plan.layer.width, plan.columns) as spool:
        if spool.sequences:
            print(f"going on after {spool.sequences:,} sequences", file=sys.stderr)
        _check_space(out, spool, sequences, plan)
        _compute(model, sequences, plan, spool, sampled, out)
        spool.finish()
        write(spool, spool.seconds, sampled)


def _check_space(
    out: Path, spool: Spool, sequences: SequenceSource, plan: Plan, bases: int = 0
) -> None:
    rows = expected_rows(sequences, plan, spool.rows, bases)
    written = 4 * spool.rows * spool.width
    check_space(out, spool.folder, out.suffix, rows, spool.width, written)


def _check(
    sequences: SequenceSource,
    tokens: int,
    cost: Callable[[int], float],
    *,
    unique: bool,
    shown: bool,
) -> list[Part]:
    """Read all sequences; the parts in which they will be computed, of about ``tokens`` tokens."""
    met: set[bytes] = set()
    parts: list[Part] = []
    number = 0
    with progress_bar("check", None, unit="base", progress=shown) as bar:
        for part in in_parts(sequences.sequences(), tokens, lambda found: len(found.tokens)):
            lengths = [len(found.tokens) for found in part]
            parts.append(Part(len(part), sum(lengths), sum(map(cost, lengths))))
            bar.update(sum(lengths))
            for found in part if unique else []:
                number += 1
                digest = hashlib.blake2b(found.name.encode(), digest_size=12).digest()
                if digest in met:
                    raise InputError(
                        sequences.path,
                        f"the id {found.name!r} is there twice, and AnnData finds rows by id; make "
                        "ids unique, or end --out in .parquet or .npy",
                        where=f"sequence {number}",
                    )
                met.add(digest)
    return parts


def _announce(sequences: SequenceSource, plan: Plan, out: Path) -> None:
    count, bases, width = sequences.count or 0, sequences.total_bases or 0, plan.layer.width
    unit = "bases" if plan.modality.complement_table is not None else "tokens"
    rows = {"sequence": f"{count:,}", "base": f"{bases:,}"}.get(plan.options.level)
    size = {"sequence": count, "base": bases}.get(plan.options.level, bases) * width * 4 / 1e6
    what = f"{rows} x {width} float32" if rows else f"{width} float32 a chunk"
    print(
        f"{count:,} sequences, {bases:,} {unit}: {what}, {'' if rows else 'at most '}"
        f"{size:,.1f} MB, to {out}",
        file=sys.stderr,
    )


def _compute(
    model: HNetLanguageModel,
    sequences: SequenceSource,
    plan: Plan,
    spool: Spool,
    sampled: Sampled,
    out: Path,
) -> None:
    """Fill the spool; sequences that it has are read past."""
    seen = bases = 0
    tokens = part_tokens(plan)
    with progress_bar("embed", sequences.total_bases, unit="base") as bar:
        for part in in_parts(sequences.sequences(), tokens, lambda found: len(found.tokens)):
            for index, found in enumerate(part, seen):
                sampled.see(index, found.name, found.label, found.tokens, plan.modality)
            seen += len(part)
            size = sum(len(found.tokens) for found in part)
            bases += size
            if seen <= spool.sequences:
                bar.update(size)
                if not bar.disable:
                    bar.initial += size  # the rate is that of this run
                continue
            began = time.perf_counter()
            append_part(model, part, plan, spool)
            spool.commit(seen, time.perf_counter() - began)
            bar.update(size)
            _check_space(out, spool, sequences, plan, bases)
