"""The first thing read: did the model learn, in one sentence and one table."""

from __future__ import annotations

from statistics import median

from hnet_seq.report.classification_section import minus_words
from hnet_seq.report.html import Section, element, table
from hnet_seq.report.run_data import RunData
from hnet_seq.report.twin import TWIN_ROW
from hnet_seq.report.wording import bits, difference, duration, limits, score, signed_interval
from hnet_seq.results.classification import Classification

Row = tuple[str, str, str]


def headline(run: RunData, baseline: RunData | None) -> Section | None:
    """Verdict and table."""
    rows = headline_rows(run, baseline)
    if not rows:
        return None
    return Section(
        "glance",
        "At a glance",
        element("p", verdict(run), class_="verdict"),
        table(("Measure", "Value", "How to read it"), rows, numeric=(1,)),
    )


def headline_rows(run: RunData, baseline: RunData | None) -> list[Row]:
    """(measure, value, how to read it)."""
    return [
        *_prediction(run, baseline),
        *_chunks(run),
        *_classification(run),
        *_training(run),
    ]


def final_bits(run: RunData | None) -> float | None:
    """Bits per token of the last validation."""
    if run is None or run.metrics is None or not run.metrics.validation:
        return None
    return run.metrics.validation[-1][1]


def verdict(run: RunData) -> str:
    """Whether the model beats the best Markov order, with the numbers it is judged by."""
    final, unit = final_bits(run), run.unit
    if final is None:
        return f"The run has no validation record, so nothing can be said about unseen {unit.many}."
    if run.masked:
        return (
            f"The model needs {bits(final)} bits per masked {unit.one} of sequences it never saw; "
            f"{unit.guess}, and lower is better. It sees both sides of a {unit.one}, so a Markov "
            f"model of the {unit.many} before it is no baseline."
        )
    said = f"On {unit.many} it never saw, the model needs {bits(final)} bits per {unit.one}"
    if run.markov is None:
        return f"{said}; {unit.guess}, and lower is better."
    gap = final - run.markov.best
    best = f"the best Markov model (order {run.markov.best_order}, {bits(run.markov.best)})"
    if abs(gap) < 0.0005:
        return f"{said}: no different from {best}."
    if gap < 0:
        return f"{said}: {bits(-gap)} below {best}. Lower is better.{_mixing(final, run)}"
    return (
        f"{said}: {bits(gap)} above {best}, so counting {unit.short_strings} still predicts better."
    )


def _mixing(final: float, run: RunData) -> str:
    """How far the bar of compressors is."""
    mixing = run.markov.mixing_bits if run.markov else None
    if mixing is None:
        return ""
    gap = f"{bits(abs(final - mixing))} {'below' if final < mixing else 'above'} it"
    return f" Context mixing of many orders needs {bits(mixing)}; the model is {gap}."


def _prediction(run: RunData, baseline: RunData | None) -> list[Row]:
    rows = []
    final = final_bits(run)
    many = run.unit.many
    unit = f"masked {run.unit.one}" if run.masked else run.unit.one
    if run.metrics is not None and final is not None:
        rows.append(
            (
                f"Validation, bits per {unit}",
                bits(final),
                f"lower is better; {run.metrics.scored_tokens or 0:,} held-out {many}, after "
                f"{run.metrics.validation[-1][0]:,.0f} training {many}",
            )
        )
        if run.metrics.letters_per_token:
            each = f"{run.metrics.letters_per_token:.2f}"
            rows.append((f"{many.capitalize()} per token", each, "of the tokenizer, on the same"))
        best = run.metrics.best_validation
        if best is not None and best[1] < final - 0.0005:
            rows.append(
                (f"Best validation, bits per {unit}", bits(best[1]), f"after {best[0]:,.0f} {many}")
            )
    if run.markov is not None:
        gap = "" if final is None else f"; the model is at {difference(final - run.markov.best)}"
        rows.append(
            (
                f"Best Markov model (order {run.markov.best_order})",
                bits(run.markov.best),
                f"the baseline to be below{gap}",
            )
        )
        if run.markov.mixing_bits is not None:
            gap = (
                ""
                if final is None
                else f"; the model is at {difference(final - run.markov.mixing_bits)}"
            )
            said = f"{run.unit.mixed} together, as compressors do{gap}"
            rows.append(("Context mixing", bits(run.markov.mixing_bits), said))
        if run.markov.mixture is not None:
            said = "by log-odds, with weights that are learned on the way"
            rows.append(("A model and context mixing", bits(run.markov.mixture.mixture), said))
    other = final_bits(baseline)
    if baseline is not None and other is not None:
        gap = "" if final is None else f"; the model is at {difference(final - other)}"
        rows.append((f"Baseline run {baseline.name}", bits(other), f"its last validation{gap}"))
    return rows


def _chunks(run: RunData) -> list[Row]:
    rows, many = [], run.unit.many
    for index, stage in enumerate(run.metrics.stages if run.metrics else []):
        if not stage.validated_tokens_per_chunk:
            continue
        unit = many if index == 0 else f"stage {index - 1} chunks"
        whole = "" if index == 0 else f"; {stage.bases_per_chunk or 0:.2f} {many}"
        rows.append(
            (
                f"Stage {index}, {unit} per chunk",
                f"{stage.validated_tokens_per_chunk[-1][1]:.2f}",
                f"target {stage.target:g}{whole}; on held-out {many}",
            )
        )
    return rows


def _classification(run: RunData) -> list[Row]:
    found = run.classification
    model = found.best if isinstance(found, Classification) else None
    if not isinstance(found, Classification) or model is None or model["kind"] == "baseline":
        return []
    beside = f"; minus {minus_words(found.nearest)}" if found.nearest else ""
    clean, why_not = model["without_leaked"], model.get("no_interval", {}).get("mcc")
    leaks = (
        f"; {score(clean['mcc'])} without {model['n'] - clean['n']:,} leaked test sequences"
        if clean and clean["n"] < model["n"]
        else ""
    )
    ends = model["intervals"]["mcc"]
    sure = f", no interval: {why_not}" if why_not else ""
    if ends:
        sure = f", 95% interval {limits(ends)}"
    return [
        (
            f"Classification, MCC ({model['name']})",
            score(model["mcc"]),
            f"higher is better, 0 is chance{sure}{leaks}{beside}",
        ),
        *(
            (
                "Pretraining is worth, MCC",
                difference(twin["mcc"]),
                f"the classifier minus {twin['other']}, the same network with the weights that "
                f"training began with; "
                f"{signed_interval(twin['interval'], twin.get('no_interval'))}",
            )
            for twin in found.comparisons
            if twin["other"].startswith(TWIN_ROW)
        ),
    ]


def _training(run: RunData) -> list[Row]:
    metrics = run.metrics
    if metrics is None or not metrics.tokens_per_second:
        return []
    return [
        (
            f"Training {run.unit.many}",
            f"{metrics.tokens:,}",
            f"{metrics.step:,} steps, {duration(metrics.seconds)} of training",
        ),
        (
            f"Training speed, {run.unit.many} per second",
            f"{median(metrics.tokens_per_second):,.0f}",
            "median over the run",
        ),
    ]
