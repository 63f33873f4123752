"""When learned chunks pay and when they do not: sentences made from the rows."""

from __future__ import annotations

from .design import DataSet, Study
from .findings import RIVALS, Duel, Row, duel, duels

_NAMES = {
    "fixed": "the best cut by rule",
    "mamba2": "isotropic Mamba-2",
    "transformer": "isotropic Transformer",
    "tokenised": "the best tokenised model",
}


def verdict(study: Study, found: dict[DataSet, list[Row]]) -> str:
    """The first lines of the page."""
    fought = {data: duels(own) for data, own in found.items()}
    whole = {data: own for data, own in fought.items() if set(own) == set(RIVALS)}
    budget = f"{study.budget:g} CPU seconds of training"
    if not whole:
        return f"No data set has all of its arms at {budget} yet, so nothing is said here."
    said = [_count(study, whole, budget)]
    said += [f"- **{data.title}**: {_one(study, own)}" for data, own in whole.items()]
    said += [line for data, own in found.items() for line in _memory(data, own)]
    alone = [data.title for data in whole if any(len(row.time) == 1 for row in found[data])]
    rest = [data.title for data in found if data not in whole]
    if rest:
        said.append(f"- Not complete, and not in these counts: {', '.join(rest)}.")
    if alone:
        said.append(
            f"- One seed, at least in part: {', '.join(alone)}. Differences below {study.close} "
            "bits are not settled there."
        )
    return "\n".join(said)


def _count(study: Study, whole: dict[DataSet, dict[str, Duel]], budget: str) -> str:
    names = list(whole)
    ahead = [data for data in names if all(one.gap < 0 for one in whole[data].values())]
    parts = [
        f"below {_NAMES[rival]} on {_of([d for d in names if whole[d][rival].gap < 0], names)}"
        for rival in RIVALS
    ]
    lead = "Learned chunks pay" if 2 * len(ahead) > len(names) else "Learned chunks do not pay yet"
    return (
        f"**{lead}**: after {budget} each, models with learned chunks are below every rival on "
        f"{_of(ahead, names)}: {'; '.join(parts)}.\n"
    )


def _of(some: list[DataSet], names: list[DataSet]) -> str:
    which = f" ({', '.join(data.title for data in some)})" if 0 < len(some) < len(names) else ""
    return f"{len(some)} of {len(names)} data sets{which}"


def _one(study: Study, own: dict[str, Duel]) -> str:
    learned = next(iter(own.values())).learned
    lost = [one for one in own.values() if one.gap >= 0]
    won = [one for one in own.values() if one.gap < 0]
    said = f"{learned.arm.title}, {learned.bits:.3f} bits"
    if won:
        said += "; ahead of " + ", ".join(f"{o.rival.arm.title} by {-o.gap:.3f}" for o in won)
    if lost:
        each = (f"{o.rival.arm.title} by {o.gap:.3f}{_cross(study, o)}" for o in lost)
        said += "; behind " + ", ".join(each)
    return f"{said}."


def _cross(study: Study, one: Duel) -> str:
    if one.closing is None:
        return " (slopes missing)"
    if one.crossing is None:
        return f" (slope {-one.closing:+.4f} a doubling: no crossing in sight)"
    return (
        f" (slope {-one.closing:+.4f} a doubling: would cross at "
        f"{one.crossing * study.budget:,.0f} CPU s)"
    )


def _memory(data: DataSet, own: list[Row]) -> list[str]:
    """Learned chunks with n-grams in front, and an isotropic model with the same."""
    pair = [row for row in own if row.arm.kind == "memory" and row.bits is not None]
    if len(pair) != 2:
        return []
    first, second = pair
    return [
        f"- {data.title}, with an n-gram memory: {first.arm.title} {first.bits:.3f}, "
        f"{second.arm.title} {second.bits:.3f}: {duel(first, second).gap:+.3f} bits."
    ]
