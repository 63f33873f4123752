"""From sequences to a file of vectors: checked, announced, computed a part at a time, resumable."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hnet_seq import __version__
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.pretrained import load_pretrained
from hnet_seq.model.streaming import attention_window
from hnet_seq.tasks.embedding.files import KEYED_BY_ID, bytes_needed, vector_format, write_vectors
from hnet_seq.tasks.embedding.layers import listening
from hnet_seq.tasks.embedding.overview import Sampled, overview, sample_of
from hnet_seq.tasks.embedding.plan import (
    EmbedOptions,
    Plan,
    described,
    identity_of,
    part_tokens,
    plan_embedding,
)
from hnet_seq.tasks.embedding.rows import Calls, sequence_rows
from hnet_seq.tasks.embedding.spool import Spool, open_spool
from hnet_seq.tasks.embedding.vectors import STRANDS, embed
from hnet_seq.tasks.sequences.inputs import NamedSequence, SequenceSource, open_sequences
from hnet_seq.tasks.sequences.parts import in_parts
from hnet_seq.train.predict import computing, strand_table
from modalities.errors import InputError, UsageError
from pipelines.files import check_file, replaced_file
from pipelines.progress import progress_bar

_KIND = "hnet-seq embedding"
_OPTIONS = (
    "level",
    "layer",
    "stage",
    "pooling",
    "strands",
    "batch_tokens",
    "cache_limit",
    "attention_window",
    "label",
)


def run(
    checkpoint: str | Path,
    source: str | Path,
    out: str | Path,
    options: EmbedOptions,
    *,
    genome: str | Path | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Embed all sequences of ``source``; returns what ``<out>.json`` says.

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
    _check_about(about_path)
    model = load_pretrained(checkpoint, device)
    plan = plan_embedding(model, options)
    sequences = open_sequences(source, genome=genome, label=options.label, modality=plan.modality)
    # The first pass finds what is wrong with the input, and how many vectors there will be.
    _check(sequences.sequences(), unique=kind in KEYED_BY_ID, path=sequences.path)
    assert sequences.count is not None
    identity = identity_of(model, sequences.digest, plan)
    _announce(sequences, plan, out)
    sampled = sample_of(sequences.count)
    folder = out.with_name(f"{out.name}.partial")
    with open_spool(folder, identity, plan.layer.width, plan.columns) as spool:
        if spool.sequences:
            print(f"going on after {spool.sequences:,} sequences", file=sys.stderr)
        _check_space(out, kind, spool, sequences, plan)
        with attention_window(model, options.attention_window):
            _compute(model, sequences, plan, spool, sampled, (out, kind))
        spool.finish()
        about = _about(identity, checkpoint, source, sequences, spool, out)
        if options.level == "sequence":
            about["overview"] = overview(sampled, spool.vectors_at(sampled.places))
        write_vectors(spool, out, described(identity, plan), level=options.level)
        with replaced_file(about_path) as stream:
            json.dump(about, stream, indent=1)
            stream.write("\n")
    return about


def _check(sequences: Iterable[NamedSequence], *, unique: bool, path: Path) -> None:
    met: set[bytes] = set()
    with progress_bar("check", None, unit="base") as bar:
        for number, found in enumerate(sequences, 1):
            bar.update(len(found.tokens))
            if not unique:
                continue
            digest = hashlib.blake2b(found.name.encode(), digest_size=12).digest()
            if digest in met:
                raise InputError(
                    path,
                    f"the id {found.name!r} is there twice, and AnnData finds rows by id; make ids "
                    "unique, or end --out in .parquet or .npy",
                    where=f"sequence {number}",
                )
            met.add(digest)


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


def _check_space(
    out: Path, kind: str, spool: Spool, sequences: SequenceSource, plan: Plan, bases: int = 0
) -> None:
    """Raise UsageError where the disk has less free than all rows take.

    Args:
        bases: committed so far: how many chunks a base has is known only from these. Before the
            first, a chunk a sequence is counted.
    """
    assert sequences.count is not None
    assert sequences.total_bases is not None
    if plan.options.level == "chunk":
        rows = round(spool.rows * sequences.total_bases / bases) if bases else sequences.count
    else:
        rows = sequences.count if plan.options.level == "sequence" else sequences.total_bases
    needed = bytes_needed(kind, rows, spool.width) - spool.rows * spool.width * 4
    free = shutil.disk_usage(spool.folder).free
    if needed > free:
        raise UsageError(
            "--out",
            f"{out} needs {needed / 1e9:,.2f} GB more while it is written, and its disk has "
            f"{free / 1e9:,.2f} GB free; make room and start again, or name a file on another disk",
        )


def _compute(
    model: HNetLanguageModel,
    sequences: SequenceSource,
    plan: Plan,
    spool: Spool,
    sampled: Sampled,
    output: tuple[Path, str],
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
            (_pool_part if plan.pooling else _row_part)(model, part, plan, spool)
            spool.commit(seen, time.perf_counter() - began)
            bar.update(size)
            _check_space(*output, spool, sequences, plan, bases)


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


def _about(
    identity: dict[str, Any],
    checkpoint: str | Path,
    source: str | Path,
    sequences: SequenceSource,
    spool: Spool,
    out: Path,
) -> dict[str, Any]:
    return {
        "kind": _KIND,
        "version": __version__,
        "output": out.name,
        "model": {
            "checkpoint": f"{checkpoint}",
            "sha256": identity["model"],
            "modality": identity["modality"],
        },
        "input": {
            "source": f"{source}",
            "sha256": sequences.digest,
            "sequences": sequences.count,
            "bases": sequences.total_bases,
        },
        "options": {key: identity[key] for key in _OPTIONS},
        "device": identity["device"],
        "rows": spool.rows,
        "width": spool.width,
        "seconds": round(spool.seconds, 3),
        "overview": None,
    }


def _check_about(path: Path) -> None:
    """Raise UsageError where another kind of file has the name."""
    if not path.exists():
        return
    try:
        if json.loads(path.read_bytes())["kind"] == _KIND:
            return
    except (ValueError, KeyError, TypeError, OSError):
        pass
    raise UsageError(
        "--out",
        f"{path}, which would say how the vectors were made, is something else; rename --out",
    )
