"""Which boundaries stay where they are when one base of the sequence changes.

The models here are causal: what lies left of an edit cannot change. So the left side of a place is
read once, and each edited right side goes on from a copy of the state that it left.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.analysis.statistics import block_intervals
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.chunking import chunk_depth
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.state import HNetState
from hnet_seq.resampling import number, quotient
from hnet_seq.results.analyses import Distance, Edit

EDITS = ("substitution", "insertion", "deletion")

Tokens = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Place:
    """A base to edit, and what lies around it.

    Attributes:
        left: (C,) bases before it, at least one.
        right: (R + 1,) the base and those after it; R is the same for all places.
        substitute: another base for it.
        inserted: a base to put before it.
    """

    left: Tokens
    right: Tokens
    substitute: int
    inserted: int

    def edited(self, edit: str) -> Tokens:
        """The right side after an edit."""
        if edit == "substitution":
            return np.r_[np.uint8(self.substitute), self.right[1:]]
        if edit == "insertion":
            return np.r_[np.uint8(self.inserted), self.right]
        return self.right[1:]


@dataclass(frozen=True)
class EditedCuts:
    """Where chunks begin around one place, aligned to the bases of the original.

    Attributes:
        left: (C,) left of the edit; the same before and after.
        before: (R + 1,) from the edited base on.
        after: by edit (R + 1,), whether a chunk begins at the base in the edited sequence. A base
            that was deleted has no place there: it is False, and never counted.
    """

    left: Mask
    before: Mask
    after: dict[str, Mask]


@torch.no_grad()
def cut_edited(
    model: HNetForCausalLM,
    places: Sequence[Place],
    *,
    stage: int = 0,
    batch_tokens: int = 8192,
    on_places: Callable[[int], object] = lambda count: None,
) -> list[EditedCuts]:
    """Cut every place as it is and after each edit, on the model's device and in their order.

    Args:
        batch_tokens: bases of the left sides of one call.
        on_places: told the number of places done after each batch.
    """
    was_training = model.training
    model.eval()
    try:
        found: list[EditedCuts] = []
        first = 0
        while first < len(places):
            last, held = first + 1, len(places[first].left)
            while last < len(places) and held + len(places[last].left) <= batch_tokens:
                held += len(places[last].left)
                last += 1
            found += _cut_batch(model, places[first:last], stage)
            on_places(last - first)
            first = last
        return found
    finally:
        model.train(was_training)


def _cut_batch(model: HNetForCausalLM, places: Sequence[Place], stage: int) -> list[EditedCuts]:
    state = model.new_state(len(places))
    left = _go_on(model, [place.left for place in places], state, stage)
    before = _go_on(model, [place.right for place in places], copy.deepcopy(state), stage)
    after = {
        edit: _go_on(model, [place.edited(edit) for place in places], copy.deepcopy(state), stage)
        for edit in EDITS
    }
    return [
        EditedCuts(
            left[index],
            before[index],
            {
                "substitution": after["substitution"][index],
                "insertion": after["insertion"][index][1:],
                "deletion": np.r_[False, after["deletion"][index]],
            },
        )
        for index in range(len(places))
    ]


def _go_on(
    model: HNetForCausalLM, sequences: list[Tokens], state: HNetState, stage: int
) -> list[Mask]:
    """Where each sequence is cut that goes on from its slot; the state is advanced."""
    device = model.embeddings.weight.device
    lengths = [len(tokens) for tokens in sequences]
    ids = torch.from_numpy(np.concatenate(sequences)).to(device).long()
    bounds = torch.tensor([0, *lengths], dtype=torch.int32, device=device).cumsum(0).int()
    with left_out(model):
        boundaries = model(ids, bounds, state=state).boundaries
    depth = chunk_depth([record.boundary_mask for record in boundaries], ids.numel())
    mask = (depth > stage).cpu().numpy()
    return np.split(mask, np.cumsum(lengths)[:-1])


def distance_bins(reach: int) -> list[tuple[int, int]]:
    """Distances (bases, both ends inclusive) from an edit: 0, 1, 2, 3-4, 5-8, ... up to reach."""
    bins = [(0, 0), (1, 1)]
    while bins[-1][1] < reach:
        low = bins[-1][1] + 1
        bins.append((low, min(2 * low - 2 if low > 2 else 2, reach)))
    return bins


def stability(cuts: Sequence[EditedCuts], *, reach: int) -> dict[str, Any]:
    """Share of boundaries that stay, by edit, side and distance; and of boundaries that are new.

    What intervals take for independent is the place.

    Args:
        reach: bases on each side.

    Returns:
        ``rate``, boundaries per base right of the edits before them: the share that would stay if
        they fell anew at random; and ``edits``.
    """
    before = np.stack([cut.before[: reach + 1] for cut in cuts])
    left = np.stack([_right_aligned(cut.left, reach) for cut in cuts])
    edits = []
    for edit in EDITS:
        after = np.stack([cut.after[edit][: reach + 1] for cut in cuts])
        # A boundary at a deleted base went with it, which says nothing of the others.
        first = 1 if edit == "deletion" else 0
        ranges = [(low, high) for low, high in distance_bins(reach) if high >= first]
        rows = _rows("left", distance_bins(reach)[:0:-1], left, left)
        rows += _rows("right", [*ranges, (first, reach)], before, after)
        edits.append(Edit(edit, rows))
    return {"rate": float(before.mean()), "edits": edits}


def _right_aligned(mask: Mask, reach: int) -> Mask:
    """(reach + 1,) by distance from the edit: index d is the base d to its left; 0 is False."""
    found = np.zeros(reach + 1, bool)
    near = mask[::-1][:reach]
    found[1 : 1 + len(near)] = near
    return found


def _rows(
    side: Literal["left", "right"], ranges: Sequence[tuple[int, int]], before: Mask, after: Mask
) -> list[Distance]:
    """Shares within ranges of distances; ``before`` and ``after`` are (places, reach + 1)."""
    boundaries, kept, found, added = (
        np.stack([table[:, low : high + 1].sum(axis=1) for low, high in ranges], axis=1)
        for table in (before, before & after, after, after & ~before)
    )
    lows, highs = block_intervals(boundaries, kept)
    rows = []
    for index, (low, high) in enumerate(ranges):
        old, stay = int(boundaries[:, index].sum()), int(kept[:, index].sum())
        new = quotient(added[:, index].sum(), found[:, index].sum())
        shares = map(number, (quotient(stay, old), lows[index], highs[index], new))
        rows.append(Distance(side, low, high, old, stay, *shares))
    return rows
