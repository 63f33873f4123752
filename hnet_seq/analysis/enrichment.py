"""Whether boundaries gather at the sites of an annotation: profiles and ratios, beside controls.

``shifted`` sites say what the same sites would meet elsewhere in their block of 10 kb, ``random``
boundaries what one rate everywhere gives, ``context`` what the last three letters alone predict,
and ``shuffled`` what the same model does with a sequence of the same dinucleotides. The structure
of the summary is documented in ``docs/boundaries.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.labels import base_contexts, known
from hnet_seq.analysis.site_counts import (
    SiteCounts,
    blocks_of,
    count_at_sites,
    joined,
    shifted_in_blocks,
)
from hnet_seq.analysis.sites import Sites
from hnet_seq.analysis.statistics import MIN_BLOCKS, ContextRates, block_intervals
from hnet_seq.resampling import enough, jackknife, number, quantiles, quotient
from hnet_seq.results.analyses import Control, Controls, Profile, Rate, SiteKind

SHIFTS = 200

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CutRecord:
    """One record, or the region ``[start, start + n)`` of it, and where it is cut.

    Attributes:
        tokens: (n,) bases.
        mask: (n,) True where a chunk begins.
        shuffled: (n,) each, True where a chunk begins in shuffled sequences of the record.
        origin: base of the record where the model began to read, at or before ``start``.
    """

    name: str
    start: int
    tokens: NDArray[np.uint8]
    mask: Mask
    shuffled: tuple[Mask, ...] = ()
    origin: int = 0

    @property
    def counted(self) -> Mask:
        """(n,) bases that count: A, C, G and T, but not the first one read: its cut is forced."""
        counted: Mask = known(self.tokens)
        if self.start == self.origin:
            counted[:1] = False
        return counted

    def local(self, sites: Sites) -> Sites:
        """The sites that lie in the region, counted from its start."""
        inside = (sites.cuts >= self.start) & (sites.cuts < self.start + len(self.tokens))
        return Sites(sites.cuts[inside] - self.start, sites.signs[inside])


@dataclass(frozen=True)
class _Context:
    """What is the same for every kind of site."""

    rate: float
    shuffled_rates: list[float]
    expected: list[NDArray[np.float32]]  # of each record, what the last three letters predict
    counted: list[Mask]


def enrichment(
    records: Sequence[CutRecord],
    sites: Mapping[str, Mapping[str, Sites]],
    *,
    width: int,
    near: int,
    shifts: int = SHIFTS,
    seed: int = 0,
) -> dict[str, Any]:
    """Profiles and ratios of every kind of site.

    Args:
        records: with as many shuffled masks each.
        sites: by record, by kind.
        width: bases on each side of a site that profiles show.
        near: a boundary is at a site where it is at most that many bases away.
        shifts: how often the sites are shifted.
        seed: of the shifts.

    Returns:
        ``rate``, ``shuffled_rates``, and ``kinds``, in the order in which the sites name them.
    """
    common = _common(records)
    kinds = dict.fromkeys(kind for by_kind in sites.values() for kind in by_kind)
    none = Sites.of([])
    return {
        "rate": common.rate,
        "shuffled_rates": common.shuffled_rates,
        "kinds": [
            _describe(
                kind,
                [
                    (record, record.local(sites.get(record.name, {}).get(kind, none)), expected, ok)
                    for record, expected, ok in zip(
                        records, common.expected, common.counted, strict=True
                    )
                ],
                common,
                width,
                near,
                shifts,
                np.random.default_rng([seed, order]),
            )
            for order, kind in enumerate(kinds)
        ],
    }


def _common(records: Sequence[CutRecord]) -> _Context:
    rates = ContextRates()
    counted = [record.counted for record in records]
    for record, ok in zip(records, counted, strict=True):
        rates.add(base_contexts(record.tokens), record.mask, ok)
    table = rates.rates.astype(np.float32)
    bases = max(sum(int(ok.sum()) for ok in counted), 1)
    shuffled = zip(*(record.shuffled for record in records), strict=True)
    return _Context(
        rates.rate or 0.0,
        [
            sum(int((mask & ok).sum()) for mask, ok in zip(masks, counted, strict=True)) / bases
            for masks in shuffled
        ],
        [table[base_contexts(record.tokens)] for record in records],
        counted,
    )


def _describe(
    kind: str,
    placed: list[tuple[CutRecord, Sites, NDArray[np.float32], Mask]],
    common: _Context,
    width: int,
    near: int,
    shifts: int,
    generator: np.random.Generator,
) -> SiteKind:
    """One kind: its profile, and the rate at its sites beside every control."""
    placed = [entry for entry in placed if len(entry[1])]
    observed, predicted, shuffled, moved = [], [], [], []
    by_shift = np.zeros((2, shifts, 2 * width + 1))
    for record, sites, expected, ok in placed:
        blocks = blocks_of(sites.cuts, len(record.mask))
        observed.append(count_at_sites(record.mask, ok, sites, width, blocks))
        predicted.append(count_at_sites(expected, ok, sites, width, blocks))
        shuffled += [count_at_sites(m, ok, sites, width, blocks) for m in record.shuffled]
        total = SiteCounts(np.zeros_like(observed[-1].bases), np.zeros_like(observed[-1].bases))
        for shift in range(shifts):
            elsewhere = shifted_in_blocks(sites, len(record.mask), width + 1, generator)
            found = count_at_sites(record.mask, ok, elsewhere, width, blocks)
            by_shift[:, shift] += found.bases.sum(axis=0), found.values.sum(axis=0)
            total.bases[:] += found.bases
            total.values[:] += found.values
        moved.append(total)
    # Shuffles of one record are added up: each block stands once in every table.
    repeats = len(common.shuffled_rates)
    shuffles = [_summed(shuffled[i : i + repeats]) for i in range(0, len(shuffled), repeats or 1)]
    tables = {
        "observed": joined(observed, width),
        "shifted": joined(moved, width),
        "context": joined(predicted, width),
        "shuffled": joined(shuffles, width) if shuffles else None,
    }
    return SiteKind(
        kind,
        sum(len(sites) for _, sites, _, _ in placed),
        len(tables["observed"].bases) if tables["observed"] else 0,
        *_ratios(tables, common, near, by_shift),
        _profile(tables, by_shift),
    )


def _summed(counts: list[SiteCounts]) -> SiteCounts:
    return SiteCounts(sum(c.bases for c in counts), sum(c.values for c in counts))  # type: ignore[arg-type]


def _ratios(
    tables: Mapping[str, SiteCounts | None],
    common: _Context,
    near: int,
    by_shift: NDArray[np.float64],
) -> tuple[Rate, Controls]:
    """The rate within ``near`` bases, and observed / expected under each control."""
    columns = {name: table.near(near) for name, table in tables.items() if table is not None}
    bases = np.stack([column[0] for column in columns.values()], axis=1)
    values = np.stack([column[1] for column in columns.values()], axis=1)
    rates = dict(zip(columns, quotient(values.sum(axis=0), bases.sum(axis=0)), strict=True))
    both = np.stack([values, bases], axis=1)
    blocks = int((bases[:, 0] > 0).sum())
    rate, at_site = common.rate, rates["observed"]
    controls: dict[str, Any] = {"shuffled": None}
    width = (by_shift.shape[2] - 1) // 2
    zone = by_shift[:, :, width - near : width + near + 1].sum(axis=2)
    p = _p_value(at_site, quotient(zone[1], zone[0]))
    for name in ("shifted", "random", "context", "shuffled"):
        if name not in columns and name != "random":
            continue
        # The model may cut shuffled sequence more or less often as a whole: that is taken out.
        scale = 1.0
        column = 0 if name == "random" else list(columns).index(name)
        if name == "shuffled":
            mean = float(np.mean(common.shuffled_rates))
            scale = rate / mean if mean else np.nan
        expected = rate if name == "random" else rates[name] * scale
        low = high = np.nan
        if blocks >= MIN_BLOCKS and enough(*values[:, [0, column]].sum(axis=0)):
            fixed = expected if name == "random" else None
            against = partial(_over, column=column)
            low, high = (
                ends[0] / (fixed or scale)
                for ends in jackknife(both, against, scale="ratio", units=blocks)
            )
        numbers = (expected, quotient(at_site, expected), low, high)
        controls[name] = Control(*map(number, numbers), *[p] * (name == "shifted"))
    low, high = (ends[0] for ends in block_intervals(bases[:, :1], values[:, :1]))
    counts = {
        name: int(table[:, 0].sum()) for name, table in (("bases", bases), ("boundaries", values))
    }
    return Rate(number(at_site), number(low), number(high), **counts), Controls(**controls)


def _over(sums: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    """(R, 1) the observed rate over that of a control; the rate itself for column 0.

    Args:
        sums: (R, 2, controls) of boundaries and of bases.
    """
    rates = quotient(sums[:, 0], sums[:, 1])
    return quotient(rates[:, :1], rates[:, [column]]) if column else rates[:, :1]


def _profile(
    tables: Mapping[str, SiteCounts | None],
    by_shift: NDArray[np.float64],
) -> Profile:
    """Rates at each distance: raw with its interval, and the controls'."""
    observed = tables["observed"]
    assert observed is not None
    width = observed.width
    low, high = block_intervals(observed.bases, observed.values)
    shifted = quotient(by_shift[1], by_shift[0])
    shifted_low, shifted_high = quantiles(shifted)
    rates = {
        name: quotient(table.values.sum(axis=0), table.bases.sum(axis=0))
        for name, table in tables.items()
        if table is not None
    }
    columns = {
        "rate": rates["observed"],
        "low": low,
        "high": high,
        "shifted": rates["shifted"],
        "shifted_low": shifted_low,
        "shifted_high": shifted_high,
        "context": rates["context"],
    }
    if "shuffled" in rates:
        columns["shuffled"] = rates["shuffled"]
    return Profile(
        distance=list(range(-width, width + 1)),
        bases=observed.bases.sum(axis=0).astype(int).tolist(),
        **{name: [number(value) for value in column] for name, column in columns.items()},
    )


def _p_value(found: float, null: NDArray[np.float64]) -> float | None:
    """Two-sided: how often a shift lies as far from the shifts' mean as the sites do."""
    null = null[np.isfinite(null)]
    if not len(null) or not np.isfinite(found):
        return None
    far = np.abs(null - null.mean()) >= abs(found - null.mean()) - 1e-12
    return float((1 + far.sum()) / (1 + len(null)))
