"""Sections about the training run: learning curves, stages, chunk lengths."""

from __future__ import annotations

from hnet_seq.report.bars import geometric_shares, histogram_chart, shares
from hnet_seq.report.curves import Reference, Series, curve_chart, range_around
from hnet_seq.report.headline import final_bits
from hnet_seq.report.html import Markup, Section, element, figure, join, table
from hnet_seq.report.run_data import Metrics, RunData, StageCurves
from hnet_seq.report.units import Unit
from hnet_seq.report.wording import command, missing, rate
from hnet_seq.results.markov import Markov

_LONGEST = 64  # tokens: the last bin of metrics.jsonl holds all longer chunks


def learning_section(run: RunData, baseline: RunData | None) -> Section:
    """Bits per token over the run, against everything there is to compare it with."""
    parts = []
    metrics = run.metrics
    if metrics is None or not (metrics.train or metrics.validation):
        parts.append(
            missing(
                "metrics.jsonl is missing or empty: no learning curve.",
                command("hnet-seq", "pretrain", "--resume", str(run.path)),
            )
        )
    else:
        parts.append(_learning_figure(run, metrics, baseline))
        if not metrics.validation:
            parts.append(
                missing(
                    "No validation record: the shards have no validation split.",
                    run.unit.unseen,
                )
            )
    if run.markov is None and not run.masked:
        parts.append(
            missing(
                "markov.json is missing: no Markov lines.",
                command("hnet-seq", "markov", *run.shards, "--out", str(run.path / "markov.json")),
            )
        )
    if baseline is not None and final_bits(baseline) is None:
        parts.append(
            missing(
                f"The baseline run {baseline.name} has no validation record: it is not drawn.",
                command("hnet-seq", "pretrain", "--resume", str(baseline.path)),
            )
        )
    return Section("learning", "Learning", *parts)


def _learning_figure(run: RunData, metrics: Metrics, baseline: RunData | None) -> Markup:
    unit = run.unit
    series = [
        Series("training", metrics.train, "train"),
        Series("validation", metrics.validation, "model", dots=True),
    ]
    other = baseline.metrics.validation if baseline and baseline.metrics else []
    if other:
        series.insert(1, Series("baseline run", other, "baseline", dots=True))
    orders = run.markov.bits if run.markov else {}
    references = [
        Reference(
            f"Markov, order {k}" if k == run.markov.best_order else f"order {k}",
            value,
            "markov best" if k == run.markov.best_order else "markov",
            priority=5 if k == run.markov.best_order else 1,
        )
        for k, value in orders.items()
        if run.markov is not None
    ]
    seen = [value for curve in series for _, value in curve.points]
    best = [run.markov.best] if run.markov else []
    # Counting letters comes close to guessing for DNA, and is bits below it for bytes. The first
    # steps stand above either (DNA at 3 bits: eight symbols) and would flatten all that matters.
    worst = orders.get(0, unit.uniform)
    ceiling = worst if worst < unit.uniform - 1 else unit.uniform
    top = max(
        ceiling + 0.01,
        *(points[-1][1] for points in (metrics.train, metrics.validation, other) if points),
    )
    compared = (
        "; dotted lines are Markov models, the dashed one the best, which predict a "
        f"{unit.one} from the k (the order) before it"
        if orders
        else ""
    )
    hidden = (
        f" Training also asks for {unit.many} that were left in sight or replaced, so its line "
        f"stands elsewhere than that of validation, which hides every {unit.one} that it asks for."
        if run.masked
        else ""
    )
    beside = f", orange the baseline run {baseline.name}" if baseline and other else ""
    return figure(
        curve_chart(
            series,
            references,
            x_name=_x_name(unit),
            y_name=f"bits per {unit.one} (lower is better)",
            y_range=range_around(seen, always=[ceiling, *best], top=top),
            description=f"Bits per {unit.one} against training {unit.many}, with Markov models",
        ),
        f"Bits needed per {unit.one}: the thin line on training windows, the one with dots on "
        f"held-out {unit.many}{beside}{compared}; lower is better, {unit.uniform:g} is guessing at "
        f"equal odds, and early values above the frame are cut off.{hidden}",
        join(
            [
                table(
                    (f"Training {unit.many}", f"Validation, bits per {unit.one}"),
                    [(f"{x:,.0f}", f"{y:.4f}") for x, y in metrics.validation],
                    numeric=(0, 1),
                ),
                _markov_table(run),
            ]
        ),
    )


def _x_name(unit: Unit) -> str:
    return f"training {unit.many} seen"


def _markov_table(run: RunData) -> Markup:
    markov, unit = run.markov, run.unit
    if markov is None:
        return join([])
    return table(
        ("Markov order", f"Bits per {unit.one}"),
        [(f"{k}", f"{value:.4f}") for k, value in markov.bits.items()],
        caption=f"{markov.train_tokens:,} training {unit.many} {_counted(markov)}, "
        f"{markov.scored_tokens:,} held-out {unit.many} scored, {_smoothing(markov)}",
        numeric=(0, 1),
        emphasised=[i for i, k in enumerate(markov.bits) if k == markov.best_order],
    )


def _counted(markov: Markov) -> str:
    if markov.unit == "byte":
        return "counted"
    return f"counted on {'both strands' if markov.both_strands else 'one strand'}"


def _smoothing(markov: Markov) -> str:
    if markov.unit == "byte":
        return f"{markov.smoothing} back-off"
    return f"{markov.smoothing:g} added to each count"


def stages_section(run: RunData) -> Section | None:
    """Rate of compression and chunk lengths, a stage at a time; nothing for a model without."""
    stages = run.metrics.stages if run.metrics else []
    if run.metrics is None:
        return None
    if not stages:
        note = "This model is isotropic: it has no router, so there are no chunks to show."
        return Section("chunks", "Chunks", element("p", note))
    return Section(
        "chunks",
        "Chunks",
        _ratio_figure(stages, run.unit),
        _probability_figure(stages, run.unit),
        *(_length_figure(index, stage, run) for index, stage in enumerate(stages)),
    )


def _ratio_figure(stages: list[StageCurves], unit: Unit) -> Markup:
    series = [
        Series(f"stage {i}", s.tokens_per_chunk or s.validated_tokens_per_chunk, f"stage{i % 3}")
        for i, s in enumerate(stages)
    ]
    targets = [
        Reference(f"target {s.target:g}", s.target, f"target stage{i % 3}", priority=5)
        for i, s in enumerate(stages)
    ]
    length = f"{unit.many} per chunk" if len(stages) == 1 else "inputs of the stage per chunk"
    return figure(
        curve_chart(
            series,
            targets,
            x_name=_x_name(unit),
            y_name=length,
            y_range=range_around(
                [y for curve in series for _, y in curve.points],
                always=[s.target for s in stages],
            ),
            description=f"{length} against training {unit.many}",
            height=280,
        ),
        f"Mean chunk length in {unit.many if len(stages) == 1 else 'inputs of each stage'}: the "
        "solid line should settle near its dashed target, which the training loss pulls it to (the "
        "axis does not begin at 0).",
        title="Compression",
    )


def _probability_figure(stages: list[StageCurves], unit: Unit) -> Markup:
    series = [Series(f"stage {i}", s.boundary_prob, f"stage{i % 3}") for i, s in enumerate(stages)]
    goals = [
        Reference(f"1/target, 1/{s.target:g}", 1 / s.target, f"target stage{i % 3}", priority=5)
        for i, s in enumerate(stages)
    ]
    return figure(
        curve_chart(
            series,
            goals,
            x_name=_x_name(unit),
            y_name="mean boundary probability",
            y_range=(0.0, 1.0),
            description=f"Mean boundary probability against training {unit.many}",
            height=280,
        ),
        "How sure the router is on average that a chunk begins: dashed is one over the target; "
        "a line stuck at 0 or 1 would mean that it cuts nothing or everything.",
        table(
            (
                "Stage",
                "Target",
                "Inputs per chunk",
                f"{unit.many.capitalize()} per chunk",
                "Mean probability",
            ),
            [
                (
                    f"{i}",
                    f"{s.target:g}",
                    f"{s.validated_tokens_per_chunk[-1][1]:.3f}",
                    f"{s.bases_per_chunk or 0:.3f}",
                    rate(s.boundary_prob[-1][1] if s.boundary_prob else None),
                )
                for i, s in enumerate(stages)
                if s.validated_tokens_per_chunk
            ],
            numeric=(1, 2, 3, 4),
            caption="lengths at the last validation, probability at the last training record",
        ),
        title="Boundary probability",
    )


def _length_figure(index: int, stage: StageCurves, run: RunData) -> Markup:
    title, unit = f"Chunk lengths, stage {index}", run.unit
    if not stage.chunk_lengths or not stage.bases_per_chunk:
        remedy = command("hnet-seq", "pretrain", "--resume", str(run.path))
        return missing(f"{title}: no validation record has them yet.", remedy)
    observed = shares(stage.chunk_lengths)
    binned = max(_LONGEST, *stage.chunk_lengths)
    control = geometric_shares(stage.bases_per_chunk, binned)
    shown = _visible(observed, control)
    rest = sum(share for length, share in observed.items() if length > shown)
    beyond = f" ({100 * rest:.1f}% of chunks are longer than shown)" if rest >= 0.0005 else ""
    if shown >= binned:
        beyond = f" (the last bar holds all chunks of {binned} {unit.many} and more)"
    return figure(
        histogram_chart(
            {k: v for k, v in observed.items() if k <= shown},
            {k: v for k, v in control.items() if k <= max(shown, 2)},
            unit,
            description=f"Share of chunks by length, stage {index}",
        ),
        f"Lengths of chunks on held-out {unit.many}, mean {stage.bases_per_chunk:.2f}: the line is "
        "what boundaries placed at random at the same rate would give, so bars above it are "
        f"lengths that the model prefers{beyond}.",
        table(
            (f"Length ({unit.many})", "Chunks", "Share (%)", "At random (%)"),
            [
                (
                    f"{k}",
                    f"{stage.chunk_lengths.get(k, 0):,}",
                    f"{100 * observed.get(k, 0):.2f}",
                    f"{100 * control.get(k, 0):.2f}",
                )
                for k in range(1, shown + 1)
            ],
            numeric=(0, 1, 2, 3),
        ),
        title=title,
    )


def _visible(observed: dict[int, float], control: dict[int, float]) -> int:
    """The length up to which there is something to see: 99.8% of either distribution."""

    def reach(law: dict[int, float]) -> int:
        total = 0.0
        for length in sorted(law):
            total += law[length]
            if total >= 0.998:
                return length
        return max(law)

    return max(reach(observed), reach(control), 8)
