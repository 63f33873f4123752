"""From sequences to a file of vectors: checked, announced, computed a part at a time, resumable."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hnet_seq.jobs.job import Job, in_parts
from hnet_seq.jobs.ranks import check_meeting, find_ranks, rank_device
from hnet_seq.jobs.units import units_of
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.streaming import attention_window
from hnet_seq.tasks.costs import sequence_cost
from hnet_seq.tasks.embedding.about import about_vectors, check_about
from hnet_seq.tasks.embedding.compute import part_rows
from hnet_seq.tasks.embedding.files import KEYED_BY_ID, vector_format, write_vectors
from hnet_seq.tasks.embedding.overview import Sampled, overview, sample_of
from hnet_seq.tasks.embedding.plan import (
    VECTOR,
    EmbedOptions,
    Plan,
    described,
    identity_of,
    part_tokens,
    plan_embedding,
)
from hnet_seq.tasks.embedding.space import Space
from hnet_seq.tasks.run_identity import weights_sha256
from hnet_seq.tasks.sequences.inputs import NamedSequence, SequenceSource, open_sequences
from hnet_seq.tasks.sequences.reading import AS_IT_IS, Reading
from hnet_seq.train.precision import computing_in
from modalities.errors import InputError
from pipelines.storage.files import check_file


def run(
    checkpoint: str | Path,
    source: str | Path,
    out: str | Path,
    options: EmbedOptions,
    *,
    reading: Reading = AS_IT_IS,
    device: str | None = None,
    twin: bool = False,
) -> None:
    """Embed all sequences of ``source``; ``<out>.json`` says how.

    Of several ranks each does its share (docs/scale.md). ``twin`` embeds with the untrained twin.

    Raises:
        InputError: a sequence that cannot be read, or an id that is there twice where rows are
            found by id; before anything is computed.
        UsageError: options that do not fit the model or each other, too little free space, or an
            unfinished run of something else in ``<out>.ranks``.
    """
    out = Path(out)
    if out.suffix != ".zarr":
        check_file(out)
    kind = vector_format(out)
    out = out.resolve() if out.is_symlink() else out  # files beside it are on its disk
    about_path = out.with_suffix(".json")
    check_about(about_path)
    ranks = find_ranks()
    check_meeting(source, [out], ranks)
    model = load_pretrained(checkpoint, rank_device(device, ranks), twin=twin)
    plan = plan_embedding(model, options)
    sequences = open_sequences(source, reading, label=options.label, modality=plan.modality)

    def read() -> Iterator[list[NamedSequence]]:
        return in_parts(sequences.sequences(), part_tokens(plan), _length)

    # The first pass finds what is wrong with the input, and how many vectors there will be.
    first = map(_Unique(sequences).check, read()) if kind in KEYED_BY_ID else read()
    cost = sequence_cost(model.config, options.attention_window)
    units = units_of(first, _length, cost, progress=ranks.rank == 0)
    identity = identity_of(model, weights_sha256(checkpoint), sequences.digest, plan)
    if ranks.rank == 0:
        if sequences.left_out:
            names = ", ".join(sequences.left_out)
            print(f"note: {source}: not kept: {names}; --label keeps a column", file=sys.stderr)
        _announce(sequences, plan, out)
    compute = partial(part_rows, model, plan, Space(out, sequences, plan))
    outputs = [out, about_path]
    job = Job("embed", "sequences", outputs, identity, units, read, compute, plan.kinds, _length)
    precision = computing_in(options.precision, model.embeddings.weight.device)
    with precision, attention_window(model, options.attention_window), job.run(ranks) as computed:
        if computed is None:  # another rank, that is done last, writes
            return
        rows = computed.rows
        assert rows is not None
        seen = None
        if options.level == "sequence":
            sampled = _sampled(sequences, plan)
            seen = overview(sampled, rows.at(VECTOR, sampled.places))
        about = about_vectors(
            identity, checkpoint, source, sequences, rows.rows, plan, computed.seconds, out, seen
        )
        write_vectors(rows, out, described(identity, plan), plan)
        about.write(about_path)


def _length(found: NamedSequence) -> int:
    return len(found.tokens)


class _Unique:
    """Looks whether ids are there once."""

    def __init__(self, sequences: SequenceSource) -> None:
        self._path = sequences.path
        self._met: set[bytes] = set()  # digests: there may be millions

    def check(self, part: list[NamedSequence]) -> list[NamedSequence]:
        """The part; InputError where an id was there before."""
        for found in part:
            digest = hashlib.blake2b(found.name.encode(), digest_size=12).digest()
            if digest in self._met:
                raise InputError(
                    self._path,
                    f"the id {found.name!r} is there twice, and AnnData finds rows by id; make "
                    "ids unique, or end --out in .parquet or .npy",
                    where=f"sequence {len(self._met) + 1}",
                )
            self._met.add(digest)
        return part


def _sampled(sequences: SequenceSource, plan: Plan) -> Sampled:
    assert sequences.count is not None
    sampled = sample_of(sequences.count)
    for index, found in enumerate(sequences.sequences()):
        sampled.see(index, found.name, found.label, found.tokens, plan.modality)
    return sampled


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
