"""Byte models with back-off agree with the definition, written out with dictionaries."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter, defaultdict
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hnet_seq.evidence.baselines import byte_markov
from hnet_seq.evidence.baselines.byte_markov import ByteDocument, score_byte_orders

DATA = Path(__file__).parents[2] / "../shared/data"
ALL = np.ones(256, bool)


def document(tokens: bytes, group: str = "", predicted: np.ndarray = ALL) -> ByteDocument[str]:
    return ByteDocument(group, np.frombuffer(tokens, np.uint8), predicted)


def stored(text: str, group: str = "") -> ByteDocument[str]:
    return document(b"\xfe%b\xff" % text.encode(), group)


class Definition:
    """Witten-Bell from its formula, with dictionaries."""

    def __init__(self, train: list[bytes], max_order: int) -> None:
        self.followers: dict[bytes, Counter[int]] = defaultdict(Counter)
        for tokens in train:
            for t in range(1, len(tokens)):
                for order in range(min(t, max_order) + 1):
                    self.followers[tokens[t - order : t]][tokens[t]] += 1

    def probability(self, byte: int, context: bytes) -> float:
        lower = self.probability(byte, context[1:]) if context else 1 / 256
        found = self.followers.get(context)
        if not found:
            return lower
        return (found[byte] + len(found) * lower) / (found.total() + len(found))

    def bits_per_byte(self, validation: list[bytes], order: int) -> float:
        bits = [
            -math.log2(self.probability(tokens[t], tokens[max(0, t - order) : t]))
            for tokens in validation
            for t in range(1, len(tokens))
        ]
        return sum(bits) / len(bits)


documents = st.lists(
    st.one_of(st.text("ab ", max_size=30).map(str.encode), st.binary(max_size=30)),
    min_size=1,
    max_size=5,
)


@given(train=documents, validation=documents, size=st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_every_order_agrees_with_the_definition(
    train: list[bytes], validation: list[bytes], size: int
) -> None:
    validation = [*validation, b"abba"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_markov, "_COUNTED", size)
        patch.setattr(byte_markov, "_SCORED", size)
        scores = score_byte_orders(map(document, train), map(document, validation), max_order=7)
    definition = Definition(train, 7)
    for order, found in enumerate(scores.total.bits_per_byte):
        assert found == pytest.approx(definition.bits_per_byte(validation, order), abs=1e-9)


def test_real_code_agrees_with_the_definition() -> None:
    path = DATA / "code/c.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not on this machine")
    with gzip.open(path) as lines:
        texts = [json.loads(line)["text"].encode()[:4000] for line in islice(lines, 12)]
    texts = [b"\xfe%b\xff" % text for text in texts]
    scores = score_byte_orders(map(document, texts[:8]), map(document, texts[8:]), max_order=6)
    definition = Definition(texts[:8], 6)
    for order, found in enumerate(scores.total.bits_per_byte):
        assert found == pytest.approx(definition.bits_per_byte(texts[8:], order), abs=1e-9)
    assert scores.total.bits_per_byte[3] < scores.total.bits_per_byte[0] - 1  # it does learn


@pytest.mark.parametrize("context", [b"", b"\xfe", b"\xfeab", b"ab", b"abc", b"zz", b"\xfe\xfe"])
def test_the_probabilities_of_all_bytes_sum_to_1(context: bytes) -> None:
    train = [stored("abcab"), stored("abd"), stored("")]
    order = len(context)
    total = 0.0
    for byte in range(256):
        # What the last byte of a document costs is the difference to the document without it.
        tokens = b"\xfe" + context + bytes([byte])
        whole = score_byte_orders(train, [document(tokens)], max_order=order).total.bits[-1]
        rest = 0.0
        if context:
            rest = score_byte_orders(train, [document(tokens[:-1])], max_order=order).total.bits[-1]
        total += 2 ** -(whole - rest)
    assert total == pytest.approx(1)


def test_contexts_do_not_reach_into_another_document() -> None:
    train = [stored("abc" * 20), stored("xyz" * 20)]
    one = score_byte_orders(train, [document(b"ab"), document(b"cx")])
    other = score_byte_orders(train, [document(b"cx"), document(b"ab")])
    np.testing.assert_allclose(one.total.bits, other.total.bits)
    joined = score_byte_orders([document(b"ab"), document(b"cd")], [document(b"abcd")])
    apart = Definition([b"ab", b"cd"], 6)
    assert apart.followers[b"b"].total() == 0
    for order, bits in enumerate(joined.total.bits_per_byte):
        assert bits == pytest.approx(apart.bits_per_byte([b"abcd"], order))


def test_an_unseen_context_costs_what_the_order_below_does() -> None:
    scores = score_byte_orders([stored("banana")], [document(b"qn"), document(b"an")])
    alone = score_byte_orders([stored("banana")], [document(b"qn")]).total.bits
    assert scores.total.bits[1] < scores.total.bits[0]  # a is followed by n
    np.testing.assert_array_equal(alone, alone[0])  # q was never seen


def test_where_too_little_precedes_an_order_is_the_lower_one() -> None:
    scores = score_byte_orders([stored("abcabcabc")], [document(b"abc")], max_order=7)
    np.testing.assert_array_equal(scores.total.bits[2:], scores.total.bits[2])
    assert scores.total.bits[2] < scores.total.bits[1] < scores.total.bits[0]


def test_scored_is_every_byte_but_the_begin_marker_of_each_document() -> None:
    scores = score_byte_orders([stored("ab")], [stored("abc"), stored(""), document(b"")])
    assert scores.counted == 3  # a, b and the end
    assert scores.total.scored == 5  # a, b, c and two ends


def test_groups_are_scored_apart_and_add_up() -> None:
    train = [stored("the cat sat on the mat"), stored("if (x) { y(); }")]
    text, code = [stored("the mat", "text")], [stored("x(y);", "code"), stored("y", "code")]
    scores = score_byte_orders(train, [code[0], *text, code[1]])
    assert list(scores.groups) == ["code", "text"]
    for group, alone in (("text", text), ("code", code)):
        expected = score_byte_orders(train, alone).total
        assert scores.groups[group].scored == expected.scored
        np.testing.assert_allclose(scores.groups[group].bits, expected.bits)
        assert scores.groups[group].best_order == expected.best_order
    assert scores.total.scored == 6 + 8 + 2
    np.testing.assert_allclose(scores.total.bits, sum(g.bits for g in scores.groups.values()))


def test_what_a_modality_does_not_predict_is_context_and_no_more() -> None:
    letters = np.zeros(256, bool)
    letters[list(b"ACGT")] = True
    data = b"\xfeACGTNNACGT\xff"
    scores = score_byte_orders(
        [document(data, predicted=letters)], [document(data, predicted=letters)], max_order=1
    )
    assert scores.counted == scores.total.scored == 8
    # A follows the begin marker and N, C follows A, ...: after one byte the next is certain but
    # for what 4 unseen contexts and one follower each leave to the lower order.
    zero = np.array([2 / 12 * 1 + 4 / 12 / 256] * 8)
    assert scores.total.bits[0] == pytest.approx(-np.log2(zero).sum())
    seen = np.array([1, 2, 2, 2, 1, 2, 2, 2])
    assert scores.total.bits[1] == pytest.approx(-np.log2((seen + zero) / (seen + 1)).sum())


def test_a_model_that_saw_nothing_costs_8_bits() -> None:
    scores = score_byte_orders([], [stored("abc")])
    np.testing.assert_allclose(scores.total.bits_per_byte, 8)


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="no byte to score"):
        score_byte_orders([stored("a")], [document(b"a"), document(b"")])
    with pytest.raises(ValueError, match=r"0\.\.7"):
        score_byte_orders([stored("a")], [stored("a")], max_order=8)
