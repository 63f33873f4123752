"""Connected components, against scipy's."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hnet_seq.connected import connected


@pytest.mark.parametrize(
    ("count", "links"), [(1, 0), (5, 0), (40, 10), (40, 40), (3000, 1500), (3000, 6000)]
)
def test_groups_are_those_of_scipy(count: int, links: int) -> None:
    generator = np.random.default_rng(count + links)
    for _ in range(20):
        one, other = generator.integers(0, count, (2, links))
        graph = coo_array((np.ones(links, np.int8), (one, other)), (count, count))
        expected = connected_components(graph, directed=False)[1]
        np.testing.assert_array_equal(connected(count, one, other), expected)


def test_a_long_chain_in_any_order_is_one_group() -> None:
    for order in (np.arange(20_000), np.random.default_rng(0).permutation(20_000)):
        assert not connected(20_000, order[1:], order[:-1]).any()


def test_nothing_has_no_groups() -> None:
    assert connected(0, [], []).shape == (0,)
