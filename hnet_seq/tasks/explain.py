"""``hnet-seq explain``: a region's dependency map, attributions and chunks; see ``commands``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import numpy as np

from hnet_seq.commands.explain import check_kind, files_of
from hnet_seq.jobs.job import Job, Tell
from hnet_seq.jobs.ranks import check_meeting, find_ranks, rank_device
from hnet_seq.jobs.spool import Columns
from hnet_seq.jobs.units import units_of
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.explaining.explanation import check_explained, check_stretch
from hnet_seq.tasks.explaining.finish import finish
from hnet_seq.tasks.explaining.outputs import told, write_all
from hnet_seq.tasks.explaining.pairs import read_pairs
from hnet_seq.tasks.explaining.substituted import Window
from hnet_seq.tasks.explaining.work import Item, Work, plan
from hnet_seq.tasks.peak_memory import peak_memory_mb
from hnet_seq.tasks.run_identity import computed_by, genome_digest, weights_sha256
from hnet_seq.tasks.scoring.genome_markov import count_markov
from hnet_seq.tasks.scoring.mutagenesis import Stretch, find_stretch
from hnet_seq.tasks.segmentation.bigwig import import_bigwig
from hnet_seq.train.predict import computing
from modalities.file_hash import file_sha256
from pipelines.formats.genome import Genome


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    began = time.monotonic()
    if args.bigwig:
        import_bigwig()
    ranks = find_ranks()
    genome = Genome(args.genome)  # without its index: the Markov model counts all of it
    stretch = find_stretch(genome, args.region, args.window, "region")
    check_stretch(stretch.reference, args.genome, "--region")
    bounds = (stretch.name, stretch.start, stretch.end)
    pairs = read_pairs(args.pairs, genome.lengths, *bounds) if args.pairs else {}
    device = rank_device(args.device, ranks)
    model = load_pretrained(args.checkpoint, device)
    check_explained(model)
    causal = isinstance(model, HNetForCausalLM)
    check_kind(args, causal=causal)
    files = files_of(args, causal=causal)
    check_meeting(args.genome, files, ranks)
    work = _work(args, stretch, model)

    @cache
    def model_of(is_twin: bool) -> HNetLanguageModel:
        return load_pretrained(args.checkpoint, device, twin=True) if is_twin else model

    def compute(part: Sequence[Item], done: int, tell: Tell) -> Iterator[tuple[Columns, int]]:
        for item in part[done:]:
            yield {"value": work.compute(model_of, item, args.batch_tokens)}, 1

    def read() -> Iterator[list[Item]]:
        return ([item] for item in work.items())

    identity = {
        **computed_by(model),
        "weights": weights_sha256(args.checkpoint),
        "genome": genome_digest(genome),
        "region": list(bounds),
        **{
            name: getattr(args, name)
            for name in ("window", "strands", "shuffles", "no_twin", "seed", "batch_tokens")
        },
        **({"baselines": args.baselines, "steps": args.steps} if causal else {}),
    }
    made_with = {
        "pairs": file_sha256(args.pairs) if args.pairs else None,
        "markov_order": args.markov_order,
        "files": [path.name for path in files],
    }
    units = units_of(read(), work.tokens)
    if ranks.rank == 0:
        print(
            f"{stretch.name}:{stretch.start + 1:,}-{stretch.end:,} in {len(stretch.context):,} "
            f"bases: {sum(unit.tokens for unit in units):,} bases through the model",
            file=sys.stderr,
        )
    job = Job(
        "explain", "blocks", files, identity, units, read, compute, {"value": "<f4"},
        work.tokens, work.height, made_with,
    )  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(computing(model, device))
        computed = stack.enter_context(job.run(ranks))
        if computed is None:  # the rank that is done last writes
            return 0
        found = work.found(
            (item, np.asarray(columns["value"]))
            for (item,), columns in computed.parts(progress=False)
        )
        about = {
            "checkpoint": f"{args.checkpoint}",
            "weights": identity["weights"],
            "genome": Path(args.genome).name,
        }
        explained = finish(
            model,
            work,
            found,
            name=stretch.name,
            origin=stretch.context_start,
            markov=count_markov(genome, args.markov_order),
            counted=True,
            pairs=pairs,
            seed=args.seed,
            batch_tokens=args.batch_tokens,
            about=about,
        )
        write_all(explained, files, genome.lengths)
    print(told(explained))
    print(
        f"{len(explained.reference):,} bases, {time.monotonic() - began:.1f} s, peak memory "
        f"{peak_memory_mb():,.0f} MB; draw it with: hnet-seq report {args.out}",
        file=sys.stderr,
    )
    return 0


def _work(args: argparse.Namespace, stretch: Stretch, model: HNetLanguageModel) -> Work:
    first = stretch.start - stretch.context_start
    window = Window(stretch.context, first, first + stretch.end - stretch.start)
    return plan(
        model,
        window,
        strands=args.strands,
        twin=not args.no_twin,
        shuffles=args.shuffles,
        baselines=args.baselines,
        steps=args.steps,
        seed=args.seed,
    )
