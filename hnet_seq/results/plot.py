"""Drawings through matplotlib, an extra: ``pip install 'hnet-seq[plot]'``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modalities.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_boundaries(
    positions: NDArray[np.int64],
    probs: NDArray[np.float32],
    begins: NDArray[np.bool_],
    *,
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """Boundary probability along a stretch; a line down where a chunk begins.

    Args:
        positions: (n,) bases, 0-based.
        probs: (n,) the probability at each; NaN where there is none.
        begins: (n,) whether a chunk begins there.
        ax: to draw on; a new figure when None.

    Raises:
        UsageError: matplotlib is not installed.
    """
    ax = new_axes() if ax is None else ax
    ax.vlines(positions[begins], 0, 1, color="0.8", linewidth=0.8, zorder=1)
    known = ~np.isnan(probs)
    ax.plot(positions[known], probs[known], linewidth=0.9, marker=".", markersize=2, zorder=2)
    ax.set(xlabel="position", ylabel="boundary probability", ylim=(0, 1.02), title=title)
    return ax


def plot_map(
    values: NDArray[np.float64], start: int, *, title: str, ax: Axes | None = None
) -> Axes:
    """A dependency map: rows are substituted bases, columns those that are read.

    Args:
        values: (L, L), NaN where there is none; full colour at the 99.5% quantile.
        start: 1-based place of the first base.
        ax: to draw on; a new figure when None.

    Raises:
        UsageError: matplotlib is not installed.
    """
    ax = new_axes(6.4, 5.6) if ax is None else ax
    known = values[~np.isnan(values)]
    most = float(np.quantile(known, 0.995)) if len(known) else 1.0
    edges = (start - 0.5, start + len(values) - 0.5)
    image = ax.imshow(values, cmap="Blues", vmin=0, vmax=most or 1.0, extent=(*edges, *edges[::-1]))
    ax.set(xlabel="base that is read", ylabel="base that is substituted", title=title)
    ax.figure.colorbar(image, ax=ax, label="largest change of log2 odds", extend="max")
    return ax


def new_axes(width: float = 9, height: float = 2.6) -> Any:
    """Axes of a figure of their own, inches."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise UsageError("plot", "needs matplotlib: pip install 'hnet-seq[plot]'") from None
    _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    return ax
