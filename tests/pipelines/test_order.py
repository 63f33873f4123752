from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.batches.order import GROUP_BLOCKS, Order, Pieces, Slice
from pipelines.shards.manifest import ORDER_VERSION


def lay_out(lengths: list[int], block_size: int) -> list[list[tuple[int, int, int, int]]]:
    """Blocks of (document, position, tokens, document_tokens), packed as the writer does."""
    blocks: list[list[tuple[int, int, int, int]]] = []
    room = 0
    for document, length in enumerate(lengths):
        if length > room:
            room = block_size
            if length > block_size:
                for position in range(0, length, block_size):
                    part = min(block_size, length - position)
                    blocks.append([(document, position, part, length)])
                room = 0
                continue
            blocks.append([])
        blocks[-1].append((document, 0, length, length))
        room -= length
    return blocks


def make_order(
    blocks: list[list[tuple[int, int, int, int]]],
    context: int,
    seed: int = 0,
    shuffle: bool = True,
    reverse_complement: bool = False,
) -> Order:
    def pieces_of(block: int) -> Pieces:
        rows, offset = [], 0
        for _, position, tokens, length in blocks[block]:
            rows.append((block, offset, position, tokens, length))
            offset += tokens
        return Pieces(*np.array(rows, np.int64).T)

    whole = []
    for number, parts in enumerate(blocks):
        size = sum(part[2] for part in parts)
        _, position, tokens, length = parts[0]
        long = tokens < length
        whole.append((number, 0, position if long else 0, size, length if long else size))
    return Order(
        Pieces(*np.array(whole, np.int64).T),
        pieces_of,
        context=context,
        seed=seed,
        shuffle=shuffle,
        reverse_complement=reverse_complement,
    )


def place(blocks: list[list[tuple[int, int, int, int]]], part: Slice) -> tuple[int, int, int]:
    """Document, its length, and the position in it where a window starts."""
    offset = 0
    for document, position, tokens, length in blocks[part.block]:
        if offset <= part.offset < offset + tokens:
            return document, length, position + part.offset - offset
        offset += tokens
    raise AssertionError("the window starts outside its block")


@settings(max_examples=150, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 120), min_size=1, max_size=30),
    block_size=st.integers(1, 40),
    context=st.integers(1, 100),
    epoch=st.integers(0, 3),
    shuffle=st.booleans(),
)
def test_the_windows_of_an_epoch_cover_each_document_once(
    lengths: list[int], block_size: int, context: int, epoch: int, shuffle: bool
) -> None:
    blocks = lay_out(lengths, block_size)
    order = make_order(blocks, context, shuffle=shuffle)
    size = sum(lengths)
    assert order.tokens_per_epoch == size
    seen = [np.zeros(length, int) for length in lengths]
    done = 0
    for part in order.slices(epoch * size, (epoch + 1) * size):
        document, length, start = place(blocks, part)
        assert (part.begin, part.end) == (0, part.window_tokens)
        assert part.epoch == epoch
        assert part.window_tokens <= context
        assert part.before == start
        assert part.after == length - start - part.window_tokens
        assert length > context or part.window_tokens == length
        seen[document][start : start + part.window_tokens] += 1
        done += part.window_tokens
    assert done == size
    assert all((counts == 1).all() for counts in seen)


@settings(max_examples=100, deadline=None)
@given(start=st.integers(0, 4000), size=st.integers(0, 900), cut=st.integers(0, 900))
def test_any_stretch_is_the_same_without_those_before_it(start: int, size: int, cut: int) -> None:
    blocks = lay_out([700, 3, 50, 90, 20, 333], 40)

    def tokens(order: Order, first: int, last: int) -> list[tuple[int, ...]]:
        return [
            (part.epoch, part.block, part.offset, part.before, part.after, part.flip, i)
            for part in order.slices(first, last)
            for i in range(part.begin, part.end)
        ]

    used = make_order(blocks, 30, reverse_complement=True)
    middle = min(start + cut, start + size)
    apart = tokens(used, start, middle) + tokens(used, middle, start + size)
    fresh = make_order(blocks, 30, reverse_complement=True)
    assert tokens(fresh, start, start + size) == apart
    assert len(apart) == size


def test_windows_stay_within_64_permuted_blocks() -> None:
    count, block_size = 3 * GROUP_BLOCKS + 5, 40
    blocks = lay_out([10] * (count * block_size // 10), block_size)
    parts = list(make_order(blocks, 10).slices(0, count * block_size))
    visited = [part.block for part in parts]
    per_group = GROUP_BLOCKS * block_size // 10
    groups = [set(visited[i : i + per_group]) for i in range(0, len(visited), per_group)]
    assert [len(group) for group in groups] == [64, 64, 64, 5]
    assert len(set.union(*groups)) == count
    assert sorted(groups[0]) != list(range(64))
    assert visited[:4] != [visited[0]] * 4


def test_coins_and_phases_change_from_epoch_to_epoch() -> None:
    blocks = lay_out([4000], 500)
    order = make_order(blocks, 50, reverse_complement=True)
    coins, starts = [], []
    for epoch in range(3):
        parts = list(order.slices(epoch * 4000, (epoch + 1) * 4000))
        by_place = {place(blocks, part)[2]: part.flip for part in parts}
        starts.append(set(by_place))
        coins.append([by_place[start] for start in sorted(by_place)])
        assert 0.25 < np.mean(coins[-1]) < 0.75
    assert len({min(places - {0}) for places in starts}) > 1
    assert coins[0] != coins[1] != coins[2]


def test_the_global_random_state_is_neither_used_nor_changed() -> None:
    blocks = lay_out([4000], 500)
    np.random.seed(1)  # noqa: NPY002
    first = list(make_order(blocks, 50).slices(0, 4000))
    drawn = np.random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002
    assert list(make_order(blocks, 50).slices(0, 4000)) == first


def test_the_order_is_that_of_this_version() -> None:
    """Fails when runs could no longer be resumed: then raise ORDER_VERSION, and tell users."""
    blocks = lay_out([700, 3, 50, 90, 20, 333], 40)
    order = make_order(blocks, 30, seed=7, reverse_complement=True)
    # That of version 1, too: since then targets and the steps of a mixture have changed.
    windows = [
        (p.epoch, p.block, p.offset, p.window_tokens, p.after > 0, p.flip, p.begin, p.end)
        for p in order.slices(0, 3000)
    ]
    digest = hashlib.sha256(repr(windows).encode()).hexdigest()
    assert (ORDER_VERSION, digest[:16]) == (2, "36029484a33e71fd")
