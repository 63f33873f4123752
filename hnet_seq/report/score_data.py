"""``scores.json``, ``measured.json`` and ``mutagenesis.json``, as ``hnet-seq score`` writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.report.json_files import count_of, fields, number_of, optional_number, read_object
from modalities.errors import InputError

_TOP = "top level"
_LETTERS = frozenset("ACGTN")


@dataclass(frozen=True)
class KindScores:
    """Log-likelihood ratios of one kind of variant, nats; quantiles 5, 25, 50, 75, 95%."""

    kind: str
    count: int
    mean: float
    sd: float | None
    quantiles: list[float]


@dataclass(frozen=True)
class Scores:
    """Scores of variants, or of sequences, of which there is only a line of facts."""

    kind: str
    facts: list[tuple[str, str]]
    scored: int
    skipped: dict[str, int]
    by_kind: list[KindScores]
    strands: Agreement | None
    baselines: list[tuple[str, float | None]]
    bits_per_base: float | None


@dataclass(frozen=True)
class Agreement:
    """Spearman of the two strands' scores, and some of the pairs."""

    rho: float | None
    n: int
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Ranking:
    """Rank correlation of one way to order the test rows with what was measured."""

    name: str
    baseline: bool
    fitted: bool
    rho: float | None
    low: float | None
    high: float | None
    no_interval: str | None = None


@dataclass(frozen=True)
class Measured:
    """All rankings of the same ``n_test`` rows."""

    measured: str
    n_train: int
    n_test: int
    shared: int
    seed: int
    rankings: list[Ranking]
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Mutagenesis:
    """Effects (L, 4) of changes to A, C, G, T at positions from ``start``, 1-based."""

    name: str
    start: int
    end: int
    window: int
    reference: str
    llr: list[list[float | None]]
    markov_order: int
    markov_llr: list[list[float | None]]
    facts: list[tuple[str, str]]


def read_scores(path: Path) -> Scores:
    """Raises InputError, with the key, for what ``hnet-seq score`` does not write."""
    content = _content(path, "variants", "sequences")
    kind = content["kind"]
    if kind == "sequences":
        bits = optional_number(content, "bits_per_base", path, _TOP)
        scored = count_of(content, "scored", path, _TOP)
        return Scores(kind, _facts(content), scored, {}, [], None, [], bits)
    fields(content, path, _TOP, "skipped", "strand_agreement")
    fields(content, path, _TOP, "by_kind", "baselines", kind=list)
    skipped = fields(content, path, _TOP, "skipped", kind=dict)["skipped"]
    return Scores(
        kind,
        _facts(content),
        count_of(content, "scored", path, _TOP),
        {reason: count_of(skipped, reason, path, "skipped") for reason in skipped},
        [_kind(row, path, f"by_kind[{i}]") for i, row in enumerate(content["by_kind"])],
        _agreement(content["strand_agreement"], path),
        [
            (_name(row, path, where := f"baselines[{i}]"), optional_number(row, "rho", path, where))
            for i, row in enumerate(content["baselines"])
        ],
        None,
    )


def read_measured(path: Path) -> Measured:
    """Raises InputError, with the key, for what ``hnet-seq score --measured`` does not write."""
    content = _content(path, "measured")
    fields(content, path, _TOP, "rows", kind=list)
    fields(content, path, _TOP, "measured", kind=str)
    n_train, n_test, shared, seed = (
        count_of(content, key, path, _TOP)
        for key in ("n_train", "n_test", "shared_with_train", "seed")
    )
    rankings = [_ranking(row, path, f"rows[{i}]") for i, row in enumerate(content["rows"])]
    return Measured(content["measured"], n_train, n_test, shared, seed, rankings, _facts(content))


def read_mutagenesis(path: Path) -> Mutagenesis:
    """Raises InputError, with the key, for what ``hnet-seq score --mutagenesis`` does not write."""
    content = _content(path, "mutagenesis")
    fields(content, path, _TOP, "name", "reference", kind=str)
    reference = content["reference"]
    start, end, window, order = (
        count_of(content, key, path, _TOP) for key in ("start", "end", "window", "markov_order")
    )
    if not _LETTERS.issuperset(reference) or len(reference) != end - start + 1 or not reference:
        raise InputError(
            path, f"'reference' is not the letters of {start} to {end}; make it again", where=_TOP
        )
    llr, markov = (_matrix(content, key, len(reference), path) for key in ("llr", "markov_llr"))
    return Mutagenesis(
        content["name"], start, end, window, reference, llr, order, markov, _facts(content)
    )


def _content(path: Path, *kinds: str) -> dict[str, Any]:
    content = fields(read_object(path), path, _TOP, "kind", kind=str)
    if content["kind"] not in kinds:
        raise InputError(
            path, f"kind is {content['kind']!r}; expected {' or '.join(kinds)}", where=_TOP
        )
    return content


def _facts(content: dict[str, Any]) -> list[tuple[str, str]]:
    """What identifies the scores: single values, the digest of the weights cut short."""
    facts = []
    for key, value in content.items():
        if key not in ("kind", "reference") and isinstance(value, str | int) and value is not None:
            shown = f"{value:,}" if isinstance(value, int) else value
            facts.append((key.replace("_", " "), shown[:12] if key == "weights" else shown))
    return facts


def _kind(row: Any, path: Path, where: str) -> KindScores:
    quantiles = fields(row, path, where, "quantiles", kind=list)["quantiles"]
    if len(quantiles) != 5 or not all(isinstance(x, int | float) for x in quantiles):
        raise InputError(path, "'quantiles' are not five numbers; make it again", where=where)
    name = fields(row, path, where, "kind", kind=str)["kind"]
    return KindScores(
        name,
        count_of(row, "count", path, where),
        number_of(row, "mean", path, where),
        optional_number(row, "sd", path, where),
        quantiles,
    )


def _agreement(found: Any, path: Path) -> Agreement | None:
    if found is None:
        return None
    where = "strand_agreement"
    points = fields(found, path, where, "points", kind=list)["points"]
    for point in points:
        if not (
            isinstance(point, list)
            and len(point) == 2
            and all(isinstance(x, int | float) for x in point)
        ):
            raise InputError(path, "'points' are not pairs of numbers; make it again", where=where)
    pairs = [(one, two) for one, two in points]
    rho = optional_number(found, "rho", path, where)
    return Agreement(rho, count_of(found, "n", path, where), pairs)


def _ranking(row: Any, path: Path, where: str) -> Ranking:
    name = _name(row, path, where)
    fields(row, path, where, "fitted")
    if fields(row, path, where, "kind")["kind"] not in ("model", "baseline"):
        raise InputError(path, f"kind {row['kind']!r} is not model or baseline", where=where)
    found = fields(row, path, where, "spearman", kind=dict)["spearman"]
    rho, low, high = (optional_number(found, key, path, where) for key in ("rho", "low", "high"))
    why_not = found.get("no_interval")
    return Ranking(name, row["kind"] == "baseline", bool(row["fitted"]), rho, low, high, why_not)


def _name(row: Any, path: Path, where: str) -> str:
    name: str = fields(row, path, where, "name", kind=str)["name"]
    return name


def _matrix(content: Any, key: str, length: int, path: Path) -> list[list[float | None]]:
    rows = fields(content, path, _TOP, key, kind=list)[key]
    for row in rows:
        if not (
            isinstance(row, list)
            and len(row) == 4
            and all(x is None or isinstance(x, int | float) for x in row)
        ):
            raise InputError(path, f"{key!r} has a row that is not four numbers", where=_TOP)
    if len(rows) != length:
        raise InputError(
            path, f"{key!r} has {len(rows)} rows for {length} letters; make it again", where=_TOP
        )
    return list(rows)
