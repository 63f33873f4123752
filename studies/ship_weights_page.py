"""The card for people, from the card for programs: what studies/ship_weights.py writes last."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hnet_seq.report.twin import TWIN_ROW

_NONE = ""


def page(card: dict[str, Any]) -> str:
    """The Markdown of a card."""
    parts = [
        f"# {card['name']}",
        card["summary"],
        f"```\nhnet-seq embed {card['name']} windows.fa --out vectors.parquet\n```",
        _table(("", ""), _facts(card)),
        "## Trained on",
        _table(("source", "what", "training bases", "read so many times"), _read(card)),
        "\n".join(["```", *card["training"]["commands"], "```"]),
        f"## Bits a {'masked ' if card['training']['objective'] == 'masked' else ''}base",
        _bits(card),
        "## Drift",
        _drift(card),
    ]
    if card["downstream"]:
        parts += ["## Downstream", _downstream(card)]
    parts += ["## Limits", "\n".join(f"- {limit}" for limit in card["limits"])]
    return "\n\n".join(parts) + "\n"


def _facts(card: dict[str, Any]) -> list[tuple[str, ...]]:
    weights, training = card["weights"], card["training"]
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    planned = training["planned_tokens"]
    part = f" of {planned:,} planned" if planned > training["tokens"] else ""
    return [
        ("layout", f"{json.dumps(weights['layout'])}, widths {weights['widths']}"),
        ("direction", weights["direction"]),
        ("parameters", f"{weights['parameters']:,}"),
        ("file", f"{weights['bytes'] / 1e6:.1f} MB, {card['drift']['format']}"),
        ("sha256", weights["sha256"]),
        ("licence", card["licence"]),
        ("trained on", f"{training['tokens']:,} bases{part}, {training['steps']:,} steps"),
        ("objective", training["objective"]),
        ("seed", ", then ".join(map(str, training["seeds"]))),
        ("versions", versions),
    ]


def _read(card: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (own["name"], own["what"], f"{own['train_tokens']:,}", f"{own['passes']:.2f}")
        for own in card["sources"]
    ]


def _bits(card: dict[str, Any]) -> str:
    rows = []
    for own in card["sources"]:
        bits = own["bits"]
        markov = f"{bits['markov']:.3f} ({bits['markov_order']})" if "markov" in bits else _NONE
        rows.append(
            (
                f"{own['name']} ({_scored(own)})",
                f"{bits['model']:.3f}",
                markov,
                f"{bits['mixing']:.3f}" if "mixing" in bits else _NONE,
                f"{bits['twin']:.3f}",
                f"{own['near_copies']:.0%}",
            )
        )
    below = [own for own in card["sources"] if own["bits"]["model"] < own["bits"].get("markov", 0)]
    known = [own for own in card["sources"] if "markov" in own["bits"]]
    said = (
        f"The twin was scored on {_sample(card)}. Near copies: the share of held-out bases in "
        "windows that have one in the training data of the source."
    )
    if known:
        part = any(" of " in _scored(own) for own in card["sources"])
        said = (
            f"Below the best Markov order on {len(below)} of {len(known)}"
            f"{', as far as a sample tells' if part else ''}. Counts are scored on all held-out "
            "bases; the best order is chosen on them, and mixing learns on from what it has "
            f"scored: both are favoured. {said}"
        )
    columns = (
        *("held-out bases of", card["name"], "best Markov order", "context mixing"),
        *("untrained twin", "near copies"),
    )
    return f"{_table(columns, rows)}\n\n{said}"


def _scored(source: dict[str, Any]) -> str:
    """How many held-out bases the model was scored on; Markov and mixing are scored on all."""
    scored, there = source["scored_tokens"], source["held_out_tokens"]
    return f"{scored:,} of {there:,}" if scored < 0.9 * there else f"{scored:,}"


def _drift(card: dict[str, Any]) -> str:
    drift = card["drift"]
    exact = drift["formats"]["fp32"]
    rows = []
    for name, own in drift["formats"].items():
        vectors = (f"{mean:.5f} ({least:.5f})" for mean, least in own["cosine"].values())
        label = f"**{name}**, what ships" if name == drift["format"] else name
        size = f"{own['bytes'] / 1e6:.1f}"
        change = f"{own['all_bits'] - exact['all_bits']:+.5f}"
        rows.append((label, size, f"{own['all_bits']:.4f}", change, *vectors))
    poolings = [f"cosine of {pooling}, mean (least)" for pooling in exact["cosine"]]
    said = (
        f"On {_sample(card)}, and the pooled vectors of {drift['windows']} windows of 500 bases, "
        "each beside fp32. The bits above are those of fp32."
    )
    columns = ("stored as", "MB", "bits a base", "minus fp32", *poolings)
    return f"{_table(columns, rows)}\n\n{said}"


def _sample(card: dict[str, Any]) -> str:
    drift = card["drift"]
    which = "held-out bases from all over" if drift["sampled"] else "all held-out bases"
    return f"{drift['scored_tokens']:,} {which}" if drift["sampled"] else which


def _downstream(card: dict[str, Any]) -> str:
    rows = []
    for name, found in card["downstream"].items():
        model, twins, others = _of_kinds(found["rows"])
        best = max(others, key=lambda row: row["mcc"] or 0)
        twin = twins[0] if twins else None
        worth = next((own for own in found["minus"] if twin and own["other"] == twin["name"]), None)
        rows.append(
            (
                f"{name} ({found['test']:,} of test)",
                f"{_score(model)}, {model['name'].removeprefix('H-Net, ')}",
                _score(twin) if twin else _NONE,
                f"{worth['mcc']:+.3f}{_interval(worth['interval'])}" if worth else _NONE,
                f"{_score(best)}, {best['name']}",
            )
        )
    said = (
        "MCC (95% interval) of a logistic regression on frozen vectors, `hnet-seq classify train`, "
        "one seed, with what leaked; the best baseline is the best of letters, words, composition "
        "and length on the test split. `card.json` has every row."
    )
    columns = ("set", "frozen vectors", "untrained twin", "pretraining is worth", "best baseline")
    return f"{_table(columns, rows)}\n\n{said}"


def _of_kinds(
    rows: list[dict[str, Any]],
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The kept row, those of the twin, and the baselines."""
    twins = [row for row in rows if row["name"].startswith(TWIN_ROW)]
    others = [row for row in rows if row["kind"] == "baseline" and row not in twins]
    return rows[0], twins, others


def _score(row: dict[str, Any]) -> str:
    return f"{row['mcc']:.3f}{_interval(row['interval'])}"


def _interval(ends: list[float] | None) -> str:
    return f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else ""


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = [*columns]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
