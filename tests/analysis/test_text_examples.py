"""Examples hold whole characters, and every cut is to be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnet_seq.analysis import text_examples
from hnet_seq.analysis.text_examples import MARK, Examples, marked


def cut(text: bytes, *places: int) -> str:
    tokens = np.frombuffer(text, np.uint8)
    return marked(tokens, np.isin(np.arange(len(tokens)), places)).replace(MARK, "|")


@pytest.mark.parametrize(
    ("text", "places", "shown"),
    [
        (b"the cat", (0, 3, 4), "|the| |cat"),
        ("山水".encode(), (0, 3), "|山|水"),
        ("山水".encode(), (1, 5), "⟨e5|b1b1⟩⟨e6b0|b4⟩"),
        ("a山".encode()[:-1], (0,), "|a⟨e5b1⟩"),
        (b"\xb1\xb1a", (1, 2), "⟨b1|b1⟩|a"),
        (b"\x1b[0m\ta\n", (1,), "⟨1b⟩|[0m\ta\n"),
        (b"", (), ""),
    ],
)
def test_a_mark_stands_before_each_chunk(text: bytes, places: tuple[int, ...], shown: str) -> None:
    assert cut(text, *places) == shown


@given(st.text(max_size=40), st.integers(0, 2**32 - 1))
def test_no_cut_is_lost_and_text_without_cuts_stays(text: str, seed: int) -> None:
    tokens = np.frombuffer(text.replace(MARK, "").encode(), np.uint8)
    mask = np.random.default_rng(seed).random(len(tokens)) < 0.5
    assert marked(tokens, mask).count(MARK) == mask.sum()
    printable = "".join(c for c in text if c.isprintable() and c not in (MARK, "\ufffd"))
    plain = np.frombuffer(printable.encode(), np.uint8)
    assert marked(plain, np.zeros(len(plain), bool)) == printable


def test_examples_are_drawn_from_all_documents_and_hold_whole_characters() -> None:
    examples = Examples(20)
    for number in range(50):
        text = "山水" * 400
        tokens = np.frombuffer(b"\xfe%b\xff" % text.encode(), np.uint8)
        examples.add(f"{number:02d}", "poem", tokens, np.arange(len(tokens)) % 3 == 1)
    found = examples.drawn()
    assert len(found) == 20
    assert [example.name for example in found] == sorted(example.name for example in found)
    assert len({example.name for example in found}) > 10
    for example in found:
        assert set(example.text) == {MARK, "山", "水"}  # nothing in hexadecimal digits
        assert len(example.text) == 2 * (example.end - example.start) // 3


def test_stretches_of_a_document_tile_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_examples, "STRETCH", 4)
    text = "aé山🙂" * 5 + "水"
    tokens = np.frombuffer(text.encode(), np.uint8)
    examples = Examples(100)
    examples.add("a", "", tokens, np.zeros(len(tokens), bool))
    assert "".join(example.text for example in examples.drawn()) == text
    fewer = Examples(3)
    fewer.add("a", "", tokens, np.zeros(len(tokens), bool))
    assert len(fewer.drawn()) == 3
    assert set(fewer.drawn()) < set(examples.drawn())


def test_fewer_stretches_than_asked_for_are_all_of_them() -> None:
    examples = Examples(5)
    examples.add("a", "", np.frombuffer(b"\xfeab\xff", np.uint8), np.ones(4, bool))
    examples.add("b", "", np.frombuffer(b"\xfe\xff", np.uint8), np.ones(2, bool))
    assert [example.text for example in examples.drawn()] == [f"{MARK}a{MARK}b"]
