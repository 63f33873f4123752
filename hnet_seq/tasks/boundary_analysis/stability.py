"""``boundaries stability``: which boundaries stay when one base is changed, put in or taken out."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hnet_seq.analysis.stability import Place, cut_edited, stability
from hnet_seq.commands.boundaries import NEEDS_CAUSAL
from hnet_seq.commands.checks import not_causal
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import attention_window
from hnet_seq.results.analyses import Stability
from hnet_seq.tasks.boundary_analysis.common import (
    open_model,
    shown,
    shown_interval,
)
from hnet_seq.tasks.run_identity import about_twin, result_name
from modalities.errors import InputError
from pipelines.formats.genome import Genome
from pipelines.formats.regions import Span, open_spans
from pipelines.progress import progress_bar
from pipelines.storage.files import check_folder

RESULTS = "stability.json"
_TRIES = 50  # draws for each place that is wanted, before the genome is said to have too few


def draw_places(
    genome: Genome, spans: list[Span], *, count: int, context: int, reach: int, seed: int
) -> list[Place]:
    """Random bases to edit, each base of the spans with the same chance, none twice.

    Around each lie ``reach`` known bases on both sides within its record; to its left the model
    reads up to ``context`` bases.

    Raises:
        InputError: the spans have fewer such bases.
    """
    generator = np.random.default_rng(seed)
    sizes = np.array([end - start for _, start, end in spans])
    bounds = np.cumsum(sizes)
    seen: set[tuple[str, int]] = set()
    places: list[Place] = []
    for _ in range(count * _TRIES):
        if len(places) == count:
            break
        drawn = int(generator.integers(bounds[-1]))
        index = int(np.searchsorted(bounds, drawn, side="right"))
        name, start, _ = spans[index]
        base = start + drawn - int(bounds[index] - sizes[index])
        substituted, inserted = int(generator.integers(1, 4)), int(generator.integers(4))
        if base < reach or base + reach >= genome.lengths[name] or (name, base) in seen:
            continue
        seen.add((name, base))
        tokens = genome.fetch(name, max(base - max(context, reach), 0), base + reach + 1)
        left, right = tokens[: -reach - 1], tokens[-reach - 1 :]
        if (tokens[-2 * reach - 1 :] < 4).all():
            substitute = (int(right[0]) + substituted) % 4
            places.append(Place(left, right, substitute, inserted))
    if len(places) < count:
        raise InputError(
            genome.path,
            f"only {len(places)} of {count} places with {reach} known bases on both sides were "
            "found; ask for fewer (--places) or look less far (--reach)",
        )
    return places


def main(args: argparse.Namespace) -> int:
    """Run the action."""
    out = check_folder(args.out)
    model = open_model(args)
    if not isinstance(model, HNetForCausalLM):
        raise not_causal(args.checkpoint, NEEDS_CAUSAL)
    genome = Genome(args.genome, use_index=True)
    places = draw_places(
        genome,
        open_spans(genome, args.region),
        count=args.places,
        context=args.left_context,
        reach=args.reach,
        seed=args.seed,
    )
    bar = progress_bar("stability", len(places), unit="place")
    with bar, attention_window(model, args.attention_window):
        cuts = cut_edited(
            model,
            places,
            stage=args.stage,
            batch_tokens=args.batch_tokens,
            on_places=bar.update,
        )
    found = Stability(
        **about_twin(model),
        stage=args.stage,
        genome=Path(args.genome).name,
        region=args.region or "whole genome",
        attention_window=args.attention_window,
        seed=args.seed,
        places=len(places),
        context=max(args.left_context, args.reach),
        reach=args.reach,
        **stability(cuts, reach=args.reach),
    )
    found.write(out / result_name(RESULTS, model))
    print(describe(found))
    return 0


def describe(found: Stability) -> str:
    """The table of shares; that of the left side is 1 throughout and said once."""
    lines = [
        f"{found.places:,} places, each edited in three ways; left of an edit nothing changes "
        f"(the model is causal); at random {found.rate:.3f} of the boundaries would stay",
        f"{'right of the edit':28s}{'boundaries':>10s}{'stay':>8s}  {'95% interval':15s}"
        f"{'new':>8s}",
    ]
    for edit in found.edits:
        for row in edit.rows:
            if row.side == "left":
                continue
            first, last = row.from_, row.to
            bases = f"{first}" if first == last else f"{first} to {last}"
            lines.append(
                f"{edit.edit:14s}{bases:14s}{row.boundaries:10,}{shown(row.share)}"
                f"  {shown_interval(row, 3).strip():15s}{shown(row.new)}"
            )
    return "\n".join(lines)
