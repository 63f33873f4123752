"""The likeliest boundaries of each window: as many chunks in every window, whatever it holds.

The best of a window are known at its end only. A bidirectional model has seen it whole, and takes
them. A causal model decides at each position from what it has read: a boundary where the
probability is above the K-th highest of the window before (1/2 in the first window), until there
are K; and at the window's last positions as many as are still missing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.model.boundary_policy import BoundaryPolicy
from hnet_seq.model.boundary_rules import RuleState
from hnet_seq.ops.packing import Packing

_FIRST_BAR = 0.5
_NOTHING = -1.0  # below any probability


@torch.no_grad()
def top_of_windows(
    rule: BoundaryPolicy,
    boundary_prob: Tensor,
    packing: Packing,
    state: RuleState | None = None,
    bidirectional: bool = False,
) -> Tensor:
    """(T,) bool, the starts of sequences among them: their probability is 1.

    Windows are counted from the start of each sequence.

    Args:
        boundary_prob: (T,) fp32 of the router.
        state: of sequences that go on; replaced in place.
    """
    size, count = rule.every, rule.top
    place, window = packing.position % size, packing.position // size
    first = window[packing.starts]
    rows = window[packing.ends] - first + 1
    row_of_first = rows.cumsum(0) - rows
    row = row_of_first[packing.sequence_index] + window - first[packing.sequence_index]
    grid = boundary_prob.new_full((int(rows.sum()), size), _NOTHING)
    grid[row, place] = boundary_prob
    columns = torch.arange(size, device=grid.device)
    if state is not None:
        open_window = packing.gather(state["window"])
        begun = columns < place[packing.starts].unsqueeze(1)
        grid[row_of_first] = torch.where(begun, open_window, grid[row_of_first])
    if bidirectional:
        best = grid.argsort(dim=1, descending=True, stable=True)[:, :count]
        return torch.zeros_like(grid, dtype=torch.bool).scatter(1, best, True)[row, place]
    lowest = grid.topk(count, dim=1).values[:, -1]
    bar = lowest.roll(1)
    before = packing.gather(state["bar"]) if state else torch.zeros_like(bar[row_of_first])
    bar[row_of_first] = torch.where(first == 0, _FIRST_BAR, before)
    if state is not None:
        last = row_of_first + rows - 1
        full = place[packing.ends] == size - 1
        packing.scatter(state["window"], grid[last])
        packing.scatter(state["bar"], torch.where(full, lowest[last], bar[last]))
    taken = torch.zeros_like(bar)
    chosen = torch.zeros_like(grid, dtype=torch.bool)
    for column in range(size):
        due = count - taken >= size - column
        chosen[:, column] = ((grid[:, column] > bar) | due) & (taken < count)
        taken += chosen[:, column]
    return chosen[row, place]
