"""``hnet-seq score --mutagenesis``: table, summary and drawings of one stretch."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.jobs.job import Job, Tell
from hnet_seq.jobs.ranks import Ranks
from hnet_seq.jobs.spool import Columns
from hnet_seq.jobs.units import units_of
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.report.heat_map import heat_map, standalone_heat_map
from hnet_seq.results.scores import Mutagenesis
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.run_identity import computed_by, genome_digest
from hnet_seq.tasks.scoring.change_effects import Change, Scorer, calls_of
from hnet_seq.tasks.scoring.mutagenesis import (
    Stretch,
    fill,
    find_stretch,
    markov_mutagenesis,
    mutagenesis_record,
    no_effects,
)
from hnet_seq.tasks.scoring.outputs import files_of, summary_path
from modalities import dna
from pipelines.formats.genome import Genome
from pipelines.formats.table_text import cell
from pipelines.storage.files import replaced_file, replaced_stream

HEADER = ("chrom", "pos", "ref", "alt", "llr", "llr_forward", "llr_reverse", "markov_llr")


def run(
    model: HNetForCausalLM,
    genome: Genome,
    markov: MarkovModel,
    region: str,
    *,
    window: int,
    strands: Strands,
    batch_tokens: int,
    about: dict[str, Any],
    out: Path | None,
    ranks: Ranks,
) -> None:
    """Score the region; a table to ``out`` with JSON, SVG and HTML beside it, or to stdout."""
    stretch = find_stretch(genome, region, window)
    length, context = stretch.end - stretch.start, len(stretch.context)
    passes = 1 + (strands == "average")
    if ranks.rank == 0:
        print(
            f"{3 * length:,} changes of {stretch.name}:{stretch.start + 1:,}-{stretch.end:,} in "
            f"{context:,} bases: {3 * length * context * passes:,} bases through the model",
            file=sys.stderr,
        )
    start = stretch.start - stretch.context_start
    bounds = (start, start + length)

    def read() -> Iterator[list[Change]]:
        return calls_of(model, stretch.context, *bounds, strands, batch_tokens)

    def width(change: Change) -> int:
        return context

    effects = Scorer(model, stretch.context, read(), batch_tokens)

    def compute(call: Sequence[Change], done: int, tell: Tell) -> Iterator[tuple[Columns, int]]:
        yield {"effect": np.array(effects(call))}, len(call)

    outputs = files_of(out, drawn=True)
    identity = {
        **computed_by(model),
        **{key: about[key] for key in ("weights", "strands", "window", "markov_order")},
        "genome": genome_digest(genome),
        "region": [stretch.name, stretch.start, stretch.end],
        "batch_tokens": batch_tokens,
        "changes": "as each strand reads them",
        "output": [path.name for path in outputs],
    }
    units = units_of(read(), width)
    kinds = {"effect": "<f8"}
    job = Job("score", "changes", outputs, identity, units, read, compute, kinds, width)
    with job.run(ranks) as computed:
        if computed is None:  # another rank, that is done last, writes
            return
        by_strand = no_effects(stretch.context, *bounds, strands)
        for call, columns in computed.parts():
            fill(by_strand, start, call, np.asarray(columns["effect"]))
        of_markov = markov_mutagenesis(markov, stretch, strands=strands)
        _write(stretch, by_strand, of_markov, about, genome.path, out)


def _write(
    stretch: Stretch,
    by_strand: NDArray[np.float64],
    of_markov: NDArray[np.float64],
    about: dict[str, Any],
    genome: str | Path,
    out: Path | None,
) -> None:
    rows = _rows(stretch.name, stretch.start, stretch.reference, by_strand, of_markov)
    if out is None:
        _write_tsv(sys.stdout, rows)
        return
    content = mutagenesis_record(stretch, by_strand.mean(0), of_markov, about, genome)
    if out.suffix == ".tsv":
        with replaced_file(out) as file:
            _write_tsv(file, rows)
    else:
        with replaced_stream(out) as stream:
            pq.write_table(pa.Table.from_pylist(rows), stream)
    if (summary := summary_path(out)) is None:
        return
    content.write(summary)
    title = f"{stretch.name}:{stretch.start + 1:,}-{stretch.end:,}"
    description = f"Effects of every single-base change of {title}"
    drawn = standalone_heat_map(
        content.reference,
        content.llr,
        stretch.start + 1,
        description=description,
    )
    with replaced_file(out.with_suffix(".svg")) as file:
        file.write(drawn)
    with replaced_file(out.with_suffix(".html")) as file:
        file.write(_page(title, content, description))


def _rows(
    name: str,
    start: int,
    reference: dna.Tokens,
    by_strand: NDArray[np.float64],
    of_markov: NDArray[np.float64],
) -> list[dict[str, Any]]:
    letters = dna.decode(reference)
    rows = []
    for index, own in enumerate(letters):
        for letter in dna.BASES:
            if letter == reference[index]:
                continue
            strands = by_strand[:, index, letter].tolist()
            values = (
                float(np.mean(strands)),
                strands[0],
                strands[1] if len(strands) > 1 else math.nan,
                float(of_markov[index, letter]),
            )
            numbers = [None if math.isnan(value) else value for value in values]
            cells = (name, start + index + 1, own, dna.VOCABULARY[letter], *numbers)
            rows.append(dict(zip(HEADER, cells, strict=True)))
    return rows


def _write_tsv(file: TextIO, rows: list[dict[str, Any]]) -> None:
    file.write("\t".join(HEADER) + "\n")
    file.writelines("\t".join(map(cell, row.values())) + "\n" for row in rows)


def _page(title: str, found: Mutagenesis, description: str) -> str:
    from hnet_seq.report.document import document
    from hnet_seq.report.html import element, figure
    from hnet_seq.report.score_section import cells, mutagenesis_numbers

    return document(
        f"Mutagenesis of {title}",
        element("h1", f"Every single-base change of {title}"),
        figure(
            heat_map(found.reference, found.llr, found.start, description=description),
            "Log-likelihood with the change less that without, nats: orange less likely, blue more "
            f"likely. {cells(found)}",
            mutagenesis_numbers(found),
        ),
    )
