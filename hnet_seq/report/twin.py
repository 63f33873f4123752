"""What pretraining is worth: measures of a model beside those of its untrained twin.

``NAME.twin.json``, of a verb with ``--twin``, lies beside ``NAME.json``. The interval of a
difference is put together from those of its two sides, as if they were independent (Zou and Donner
2008, "Construction of confidence limits about effect measures").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from typing import Any

from hnet_seq.report.html import Markup, Section, caption, element, table
from hnet_seq.report.wording import difference, score, signed_interval
from hnet_seq.results.read import TWIN_SUFFIX, read_result
from hnet_seq.results.record import Result

TWIN_ROW = "untrained twin"  # how its lines in tables of classify begin
# What both must have been measured on; the embedding's file has it inside.
_SAME = (
    *("genome", "annotation", "features", "file", "region", "stage", "attention_window", "seed"),
    *("inputs", "split", "input", "strands", "window", "measured", "group", "flanks", "n_test"),
    *("near", "reach", "places", "context", "weights", "options", "name", "start", "end"),
)


@dataclass(frozen=True)
class Measure:
    """A number of a result, and its 95% interval where it has one."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None


def minus(model: Measure, twin: Measure) -> tuple[float, tuple[float, float] | None] | None:
    """The difference and its 95% interval; None where either is not known."""
    if model.value is None or twin.value is None:
        return None
    found = model.value - twin.value
    ends = (model.low, model.high, twin.low, twin.high)
    if None in ends:
        return found, None
    low, high, twin_low, twin_high = (float(end or 0) for end in ends)
    down = hypot(model.value - low, twin_high - twin.value)
    up = hypot(high - model.value, twin.value - twin_low)
    return found, (found - down, found + up)


def worth(model: Sequence[Measure], twin: Sequence[Measure], said: str = "") -> Markup:
    """The table of the differences, of the measures that both have."""
    of_twin = {each.label: each for each in twin}
    rows = []
    for own in model:
        other = of_twin.get(own.label)
        found = None if other is None else minus(own, other)
        if other is not None and found is not None:
            cells = (score(own.value), score(other.value), difference(found[0]))
            rows.append((own.label, *cells, signed_interval(found[1], None)))
    return table(
        ("", "Model", "Untrained twin", "Model minus twin", "95% interval"),
        rows,
        numeric=range(1, 5),
        caption="What pretraining is worth: the model beside the same network with the weights "
        f"that training began with{said}. Intervals are put together from those of the two as if "
        "they were independent; both saw the same sequences, so these are rather too wide.",
    )


def model_name(path: Path) -> str:
    """The name of the model's result, of either."""
    return f"{path.stem.removesuffix(TWIN_SUFFIX)}{path.suffix}"


def of_twin(section: Section, found: Result) -> Section:
    """A section, with a note at its end where it is of an untrained twin."""
    said = getattr(found, "twin", None)
    if not said:
        return section
    note = f"This is the untrained twin, not the model: {said}."
    return section.with_end(caption(note))


def beside_twin(
    section: Section, found: Result, path: Path, measures: Callable[[Any], list[Measure]]
) -> Section:
    """A section with the table of what pretraining is worth at its end.

    Nothing is added where there is no twin's file, and a note where it is of something else.

    Args:
        path: of the model's ``found``.

    Raises:
        InputError: the twin's file is damaged.
    """
    other = path.with_name(f"{path.stem}{TWIN_SUFFIX}{path.suffix}")
    if not other.is_file():
        return section
    twin = read_result(other, type(found))
    differing = [key for key in _SAME if getattr(found, key, None) != getattr(twin, key, None)]
    if differing:
        what = ", ".join(key.replace("_", " ") for key in differing)
        note = f"{other.name} is of another {what} than {path.name}: the two do not compare."
        added = element("p", note, class_="missing")
    else:
        drawn = getattr(twin, "twin", None)
        added = worth(measures(found), measures(twin), f" ({drawn})" if drawn else "")
    return section.with_end(added)
