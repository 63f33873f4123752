"""``hnet-seq score genes``: a row for each gene of an annotation."""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hnet_seq.analysis.gene_edits import REASONS as OF_GENES
from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.jobs.job import Computed, Job, in_parts
from hnet_seq.jobs.ranks import check_meeting, find_ranks, rank_device
from hnet_seq.jobs.units import units_of
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.gene_scores import GeneMeasure, GeneScores
from hnet_seq.results.scores import BaselineScores
from hnet_seq.tasks.annotations import read_annotation
from hnet_seq.tasks.embedding.vectors import check_modality
from hnet_seq.tasks.run_identity import computed_by, genome_digest
from hnet_seq.tasks.scoring.gene_scores import (
    KINDS,
    Gene,
    GeneOptions,
    gene_rows,
    numbers_of,
)
from hnet_seq.tasks.scoring.genes import COLUMNS as HEADER
from hnet_seq.tasks.scoring.genes import genes_of, score_of
from hnet_seq.tasks.scoring.genome_markov import count_markov
from hnet_seq.tasks.scoring.outputs import files_of, summary_path
from hnet_seq.tasks.scoring.summary import QUANTILES, described, shown, table
from hnet_seq.tasks.scoring.variant_files import cell
from hnet_seq.tasks.scoring.variant_scores import PART_TOKENS
from hnet_seq.tasks.scoring.variant_windows import REASONS, WINDOW
from pipelines.formats.genome import Genome
from pipelines.storage.files import replaced_file, replaced_stream

MEASURES = {"stop_llr": "stop_markov_llr", "deletion_llr": "deletion_markov_llr"}
_PLAIN = ("bases", "gc", "bits_per_base", "markov_bits")
_WHOLE = frozenset(
    ("start", "end", "exons", "bases", "genetic_code", "stops", "deletions", "left_out")
)
_ISOFORMS = "they share bases on a strand with a longer or whole one of their gene"

Row = dict[str, Any]


def run(args: argparse.Namespace, out: Path | None) -> int:
    """Score the genes of ``args.genes``."""
    options = GeneOptions(
        WINDOW if args.window is None else args.window,
        args.stops,
        args.stop_codon,
        args.genetic_code,
    )
    outputs = files_of(out)
    ranks = find_ranks()
    check_meeting(args.genes, outputs, ranks)
    genome = Genome(args.genome)
    annotation = read_annotation(args.genes, genome)
    annotation.check_phases()
    if ranks.rank == 0:
        annotation.tell()

    def read() -> Iterator[list[Gene]]:
        return in_parts(genes_of(annotation, genome, options), PART_TOKENS, _tokens)

    units = units_of(read(), _tokens, progress=ranks.rank == 0)
    there = sum(len(own.coding) for own in annotation.genes.records.values())
    isoforms = there - sum(unit.items for unit in units)
    if ranks.rank == 0 and isoforms:
        print(f"{isoforms:,} of {there:,} coding sequences left out: {_ISOFORMS}", file=sys.stderr)
    device = rank_device(args.device, ranks)
    model = HNetForCausalLM.from_pretrained(args.checkpoint, device, twin=args.twin)
    check_modality(model)
    markov = count_markov(genome, args.markov_order)
    about = {
        **described(args, model, args.strands or "average"),
        "input": Path(args.genes).name,
        "window": options.window,
        "markov_order": markov.order,
        "places": options.places,
        "stop_codon": options.stop_codon,
        "genetic_code": options.genetic_code,
    }
    how = (about["strands"], options.window, args.batch_tokens)
    identity = {
        **computed_by(model),
        **{key: own for key, own in about.items() if key not in ("checkpoint", "weights", "twin")},
        "genome": genome_digest(genome),
        "genes": _digest(gene for part in read() for gene in part),
        "batch_tokens": args.batch_tokens,
        "output": [path.name for path in outputs],
    }
    compute = partial(gene_rows, model, markov, *how)
    job = Job("score", "genes", outputs, identity, units, read, compute, KINDS, _tokens)
    with job.run(ranks) as computed:
        if computed is not None:  # the rank that is done last writes
            _write(computed, out, about)
    return 0


def _tokens(gene: Gene) -> int:
    return gene.tokens


def _digest(genes: Iterable[Gene]) -> str:
    """sha256 over all that decides which edits genes have."""
    found = hashlib.sha256()
    for gene in genes:
        edits = [
            own[0] and (own[0].codon, own[1].pos, own[1].ref, own[1].alt) for own in gene.edits
        ]
        about = (gene.record, gene.coding, gene.table, gene.skipped, gene.pieces, edits)
        found.update(f"{about}\n".encode())
    return found.hexdigest()


def _write(computed: Computed[Gene], out: Path | None, about: Mapping[str, Any]) -> None:
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    for part, columns in computed.parts():
        for gene, numbers in zip(part, np.asarray(columns["gene"]), strict=True):
            rows.append(_row(gene, numbers))
            left_out.update(own for _, _, own in gene.edits if isinstance(own, str))
    if out is not None and out.suffix == ".parquet":
        with replaced_stream(out) as stream:
            pq.write_table(pa.Table.from_pylist(rows, _schema()), stream)
    else:
        with replaced_file(out) if out else nullcontext(sys.stdout) as file:
            file.write("\t".join(HEADER) + "\n")
            for row in rows:
                file.write("\t".join(cell(row[name]) for name in HEADER) + "\n")
    found = _record(rows, dict(sorted(left_out.items())), about)
    if out is not None and (path := summary_path(out)):
        found.write(path)
    print(told(found), file=sys.stderr)


def _row(gene: Gene, numbers: np.ndarray) -> Row:
    values = asdict(score_of(gene, numbers_of(numbers)))
    return {name: _value(name, own) for name, own in values.items()}


def _value(name: str, own: Any) -> Any:
    """As a table has it: nothing where there is no number, and counts without a point."""
    if isinstance(own, float) and math.isnan(own):
        return None
    return int(own) if name in _WHOLE else own


def _schema() -> pa.Schema:
    texts = ("gene", "record", "strand", "skipped")
    return pa.schema(
        [
            (name, pa.string() if name in texts else pa.int64() if name in _WHOLE else pa.float64())
            for name in HEADER
        ]
    )


def _record(rows: Sequence[Row], left_out: dict[str, int], about: Mapping[str, Any]) -> GeneScores:
    scored = [row for row in rows if row["stop_llr"] is not None or row["deletion_llr"] is not None]
    return GeneScores(
        **about,
        genes=len(rows),
        scored=len(scored),
        skipped=dict(sorted(Counter(row["skipped"] for row in rows if row["skipped"]).items())),
        edits=sum(row["stops"] + row["deletions"] for row in rows),
        left_out=left_out,
        measures=[_measure(rows, name, of_markov) for name, of_markov in MEASURES.items()],
    )


def _measure(rows: Sequence[Row], name: str, of_markov: str) -> GeneMeasure:
    own = [row for row in rows if row[name] is not None]
    values = np.array([row[name] for row in own], float)
    baselines = []
    for other in (*_PLAIN, of_markov):
        both = [row for row in own if row[other] is not None]
        one, two = (np.array([row[key] for row in both], float) for key in (other, name))
        found = spearman(one, two, interval=False)
        baselines.append(BaselineScores(other, found["rho"], found["n"]))
    quantiles = np.quantile(values, QUANTILES).tolist() if len(values) else None
    return GeneMeasure(name, len(own), quantiles, baselines)


def told(found: GeneScores) -> str:
    """A table for people, and what was left out."""
    names = [own.name for own in found.measures[0].baselines[:-1]]
    rows: list[tuple[str, ...]] = [("of genes", "5%", "median", "95%", *names, "Markov")]
    for own in found.measures:
        low, _, middle, _, high = own.quantiles or [math.nan] * 5
        correlations = [shown(row.rho) for row in own.baselines]
        rows.append((own.name, shown(low), shown(middle), shown(high), *correlations))
    lines = [
        f"{found.scored:,} of {found.genes:,} genes, {found.edits:,} edits; nats, and Spearman "
        "with what needs no such model",
        table(rows),
    ]
    lines += [f"{n:,} genes skipped: {OF_GENES[why]}" for why, n in found.skipped.items()]
    lines += [f"{n:,} edits skipped: {_WHY[why]}" for why, n in found.left_out.items()]
    return "\n".join(lines)


_WHY = {
    **REASONS,
    "too_long": "longer than half the window, as a codon around an intron, or in a long repeat",
    "read_twice": "a codon with a base that another has, too, where the ribosome slips back",
    "both_strands": "a codon of exons on two strands",
}
