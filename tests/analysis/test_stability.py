"""Edits change nothing to their left, and what they change to their right is counted aligned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hnet_seq.analysis.stability import (
    EDITS,
    EditedCuts,
    Place,
    cut_edited,
    distance_bins,
    stability,
)
from hnet_seq.model.chunking import chunk_depth
from tests.tasks.test_segment import make_model

REACH = 40


@pytest.fixture(scope="module")
def model():
    return make_model(["m1", ["t1", ["T1"], "m1"], "m1"])


@pytest.fixture(scope="module")
def places():
    rng = np.random.default_rng(0)
    found = []
    for left in (90, 41, 60, 200):
        tokens = rng.integers(0, 4, left + REACH + 1, dtype=np.uint8)
        substitute = (int(tokens[left]) + 1) % 4
        found.append(Place(tokens[:left], tokens[left:], substitute, int(rng.integers(4))))
    return found


def whole(model, left, right, stage):
    tokens = np.concatenate([left, right])
    with torch.no_grad():
        masks = [b.boundary_mask for b in model(torch.from_numpy(tokens).long()).boundaries]
    return (chunk_depth(masks, len(tokens)) > stage).numpy()


@pytest.mark.parametrize("stage", [0, 1])
@pytest.mark.parametrize("batch_tokens", [1, 150, 10_000])
def test_going_on_from_a_state_gives_what_the_whole_edited_sequence_gives(
    model, places, stage, batch_tokens
):
    """So left of the edit nothing changes: the whole edited sequences say so themselves."""
    told: list[int] = []
    found = cut_edited(model, places, stage=stage, batch_tokens=batch_tokens, on_places=told.append)
    assert sum(told) == len(places)
    changed = 0
    for place, cuts in zip(places, found, strict=True):
        split = len(place.left)
        before = whole(model, place.left, place.right, stage)
        assert cuts.left.tolist() == before[:split].tolist()
        assert cuts.before.tolist() == before[split:].tolist()
        for edit in EDITS:
            after = whole(model, place.left, place.edited(edit), stage)
            assert after[:split].tolist() == before[:split].tolist()
            right = after[split:].tolist()
            aligned = {"substitution": right, "insertion": right[1:], "deletion": [False, *right]}
            assert cuts.after[edit].tolist() == aligned[edit]
            changed += aligned[edit] != cuts.before.tolist()
    assert changed > 0  # the model under test does look at what was edited


def test_the_model_keeps_its_mode(model, places):
    model.train()
    cut_edited(model, places[:1])
    assert model.training
    model.eval()


def test_edits_are_what_they_are_called():
    place = Place(np.array([0], np.uint8), np.array([1, 2, 3], np.uint8), 3, 0)
    edited = {edit: place.edited(edit).tolist() for edit in EDITS}
    assert edited == {
        "substitution": [3, 2, 3],
        "insertion": [0, 1, 2, 3],
        "deletion": [2, 3],
    }
    assert all(place.edited(edit).dtype == np.uint8 for edit in EDITS)


@pytest.mark.parametrize("reach", [1, 2, 3, 5, 8, 9, 256])
def test_distances_are_each_in_one_bin(reach):
    bins = distance_bins(reach)
    assert [d for low, high in bins for d in range(low, high + 1)] == list(range(reach + 1))


def cuts_of(before, after, left=None):
    before, after = np.array(before, bool), np.array(after, bool)
    left = np.zeros(8, bool) if left is None else np.array(left, bool)
    return EditedCuts(left, before, dict.fromkeys(EDITS, after))


def rows_of(found, edit):
    (rows,) = (entry.rows for entry in found["edits"] if entry.edit == edit)
    return {(row.side, row.from_, row.to): row for row in rows}


def test_shares_are_of_the_boundaries_that_were_there():
    cuts = [cuts_of([1, 1, 1, 0, 1], [1, 0, 1, 1, 1])] * 12
    found = stability(cuts, reach=4)
    rows = rows_of(found, "substitution")
    assert rows["right", 0, 0].share == 1
    assert rows["right", 1, 1].share == 0
    assert (rows["right", 3, 4].boundaries, rows["right", 3, 4].kept) == (12, 12)
    assert rows["right", 3, 4].new == 0.5
    assert rows["right", 0, 4].share == 0.75
    assert (rows["right", 0, 4].low, rows["right", 0, 4].high) == (0.75, 0.75)
    assert found["rate"] == pytest.approx(0.8)
    # The deleted base has no boundary to keep.
    assert ("right", 0, 0) not in rows_of(found, "deletion")
    assert rows_of(found, "deletion")["right", 1, 4].boundaries == 36


def test_the_left_side_is_counted_by_its_distance():
    cuts = [cuts_of([1] * 4, [1] * 4, left=[1, 1, 1, 0, 0, 1, 0, 1])] * 3
    rows = rows_of(stability(cuts, reach=3), "insertion")
    assert [rows["left", d, d].boundaries for d in (1, 2)] == [3, 0]
    assert rows["left", 3, 3].boundaries == 3
    assert rows["left", 3, 3].share == 1
    assert rows["left", 3, 3].low is None  # three places say nothing of their spread


def test_intervals_hold_the_share_that_places_were_drawn_with():
    hits = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cuts = [
            cuts_of(before, before & (rng.random(17) < 0.7))
            for before in rng.random((80, 17)) < 0.3
        ]
        row = rows_of(stability(cuts, reach=16), "insertion")["right", 9, 16]
        hits += row.low <= 0.7 <= row.high
    assert 16 <= hits <= 20
