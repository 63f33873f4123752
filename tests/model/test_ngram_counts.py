"""What follows any n symbols of a text, and what a model makes of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.model import context_index
from hnet_seq.model.context_index import ContextIndex
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.ngram_counts import NgramCounts
from hnet_seq.model.ngram_tables import GAP, NgramCountsConfig, longest_context
from hnet_seq.ops.packing import Packing

LENGTHS = [70, 1, 5, 131]
PACKING = Packing.from_lengths(LENGTHS)


def random_text(symbols: int, length: int = 700) -> Tensor:
    """With repeats of 60 symbols, a run of one symbol, and gaps, some side by side."""
    generator = torch.Generator().manual_seed(symbols)
    text = torch.randint(0, symbols, (length,), generator=generator).to(torch.uint8)
    text[300:360] = text[100:160]
    text[400:440] = 0
    text[[0, 50, 51, 200, 600, length - 1]] = GAP
    text[650] = min(symbols, GAP)
    return text


@pytest.mark.parametrize(
    ("symbols", "longest"), [(1, 62), (2, 31), (3, 31), (4, 20), (7, 20), (20, 12), (255, 7)]
)
@pytest.mark.parametrize("kernel", [True, False])
def test_counts_are_how_often_each_symbol_followed(
    symbols: int, longest: int, kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel and (reason := context_index.why_not()):
        pytest.skip(reason)
    if not kernel:
        monkeypatch.setattr(context_index, "why_not", lambda: "asked not to")
    assert longest_context(symbols) == longest
    text = random_text(symbols)
    index = ContextIndex(text, symbols, longest)
    line, orders = text.long(), list(range(1, longest + 1))
    contexts, known = index.contexts(line)
    found = index.counts(contexts, known, orders)
    words = [None if token >= symbols else token for token in text.tolist()]
    for number, order in enumerate(orders):
        ngrams = [tuple(words[max(0, at + 1 - order) : at + 1]) for at in range(len(words))]
        whole = [len(word) == order and None not in word for word in ngrams]
        pairs = zip(ngrams, whole, words[1:], strict=False)
        followed = Counter((word, last) for word, there, last in pairs if there)
        for at, word in enumerate(ngrams):
            expected = [followed[word, last] * whole[at] for last in range(symbols)]
            assert found[at, number].tolist() == expected


def test_a_long_text_is_read_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    text, orders = random_text(4), list(range(1, 21))
    whole = ContextIndex(text, 4, 20)
    monkeypatch.setattr(context_index, "_AT_ONCE", 64)
    parts = ContextIndex(text, 4, 20)
    assert parts.size == whole.size
    contexts, known = whole.contexts(text.long())
    assert parts.counts(contexts, known, orders).equal(whole.counts(contexts, known, orders))


@pytest.mark.parametrize("kernel", [True, False])
def test_an_index_of_nothing_knows_nothing(kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernel:
        monkeypatch.setattr(context_index, "why_not", lambda: "asked not to")
    for text in ([], [GAP], [3], [GAP, 2, GAP]):
        index = ContextIndex(torch.tensor(text, dtype=torch.uint8), 4, 20)
        contexts, known = index.contexts(torch.tensor([1, 2, 3]))
        assert index.size == 0
        assert not index.counts(contexts, known, [1, 2, 20]).any()


def counts(orders: list[int], text: Tensor) -> NgramCounts:
    module = NgramCounts(NgramCountsConfig(orders, symbols=4), vocab_size=8, d_model=6)
    generator = torch.Generator().manual_seed(1)
    for parameter in (module.projection.weight, module.weights, module.gate):
        nn.init.normal_(parameter, generator=generator)
    module.count([text])
    return module


def ids(symbols: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, symbols, (PACKING.total,), generator=generator)


def test_an_ngram_adds_its_logarithms_and_one_without_sightings_nothing() -> None:
    # What 01 is followed by, 3 zeros and a two; what 23 is followed by, 5 twos.
    words = [[0, 1, 0]] * 3 + [[0, 1, 2]] + [[2, 3, 2]] * 5
    text = torch.tensor([token for word in words for token in (*word, GAP)], dtype=torch.uint8)
    module = counts([2], text)
    tokens = ids()
    tokens[:2], tokens[20:22] = torch.tensor([0, 1]), torch.tensor([2, 3])
    vector, weighted = module(tokens, PACKING)
    hidden = torch.randn(PACKING.total, 6, generator=torch.Generator().manual_seed(2))
    logits = module.logits(weighted, hidden)
    for place, followed, level in ((1, [3, 0, 1, 0], 2), (21, [0, 0, 5, 0], 12 + 2)):
        # As many 2-grams of 4 symbols as a text of this length has recur.
        evidence = (torch.tensor(followed) + 0.4).log()
        evidence = module.weights[0, level] * (evidence - evidence.mean())
        sightings = torch.tensor([sum(followed) + 1.0]).log() / 8
        torch.testing.assert_close(weighted[place], evidence.unsqueeze(0))
        expected = module.projection.weight @ torch.cat([evidence, sightings])
        torch.testing.assert_close(vector[place], expected)
        expected = torch.cat([evidence * (1 + hidden[place] @ module.gate[0]), torch.zeros(4)])
        torch.testing.assert_close(logits[place], expected)
    for unseen in (PACKING.starts, (tokens == 3) & (tokens.roll(1) == 3)):
        assert not vector[unseen].any()
        assert not logits[unseen].any()


def test_long_ngrams_are_believed_at_their_first_sighting() -> None:
    text = torch.randint(0, 4, (200,), generator=torch.Generator().manual_seed(0)).byte()
    module = counts([1, 12], text)
    _, weighted = module(text.long(), Packing.from_lengths([200]))
    logs = torch.tensor([1.06, 0.06, 0.06, 0.06]).log()
    expected = module.weights[1, 12 + 1] * (logs[0] - logs.mean())
    torch.testing.assert_close(weighted[100, 1, int(text[101])], expected)


def test_counts_end_at_what_is_no_symbol_and_at_a_sequences_start() -> None:
    module, tokens = counts([1, 3], random_text(4, 9000)), ids(5)  # 4 is no symbol
    _, weighted = module(tokens, PACKING)
    starts = set(PACKING.starts.tolist())
    known = 0
    for place, token in enumerate(tokens.tolist()):
        known = 0 if token == 4 else 1 + known * (place not in starts)
        assert weighted[place].any(1).tolist() == [known >= 1, known >= 3]


def test_what_is_held_out_counts_outside_of_training_only() -> None:
    text, tokens = random_text(4), ids()
    module = counts([2], text)
    module.hold_out([text])
    assert not any(part.any() for part in module.train()(tokens, PACKING))
    assert all(part[1].any() for part in module.eval()(tokens, PACKING))
    module.hold_out(None)
    assert all(part[1].any() for part in module.train()(tokens, PACKING))


def test_parts_are_counted_apart() -> None:
    """As two modules would, each of one part."""
    texts, tokens = [random_text(4), random_text(4, 900)], ids()
    config = NgramCountsConfig([1, 3], symbols=4, parts=2)
    module = NgramCounts(config, vocab_size=8, d_model=6)
    module.count(texts)
    module.hold_out([texts[0][:100], texts[1][:300]])
    nn.init.normal_(module.weights)
    _, together = module(tokens, PACKING)
    for part, text in enumerate(texts):
        alone = counts([1, 3], text)
        alone.hold_out([text[: 100 + 200 * part]])
        alone.weights.data = module.weights.data[2 * part : 2 * part + 2]
        torch.testing.assert_close(together[:, 2 * part : 2 * part + 2], alone(tokens, PACKING)[1])


def test_a_sequence_of_the_text_is_no_evidence_for_itself() -> None:
    """Left out, it is read as if the text had gaps in its place; others are read as they are."""
    text, new = random_text(4, 9000), random_text(3)[210:300]
    own = text[2000:2090]
    without = text.clone()
    without[2000:2090] = GAP
    line = torch.cat([own, new]).long()
    packing = Packing.from_lengths([90, 90])
    whole, rest = counts([1, 3, 12], text), counts([1, 3, 12], without)
    with left_out(whole):
        found = whole.counts(line, packing)
    plain = whole.counts(line, packing)
    assert found[90:].equal(plain[90:])
    # Its last token is not known to be followed by what follows it there, and repeats inside it
    # stay evidence for each other.
    assert (found[:89, 2].sum(1) == rest.counts(line, packing)[:89, 2].sum(1)).all()
    taken = (plain - found)[:89]
    known = torch.arange(1, 90).unsqueeze(1) >= torch.tensor([1, 3, 12])
    assert taken.sum(2).equal(known.int())
    assert (
        taken.gather(2, own[1:].long()[:, None, None].expand(-1, 3, 1)).squeeze(2) == known
    ).all()


@pytest.mark.parametrize("behind", [0, 1])
def test_leaving_out_ends_with_its_block_and_is_the_same_in_any_batch(behind: int) -> None:
    text = random_text(4, 9000)
    module, own = counts([1, 12], text), text[2000:2090].long()
    module.behind = behind
    others = [random_text(4)[110:190].long(), text[5000:5100].long()]
    alone, together = Packing.from_lengths([90]), Packing.from_lengths([80, 90, 100])
    with left_out(module):
        first = module.counts(own, alone)
        second = module.counts(torch.cat([others[0], own, others[1]]), together)
    assert second[80:170].equal(first)
    assert not module.leaves_out
    assert not module.counts(own, alone).equal(first)


def test_another_text_is_counted_anew_however_it_came() -> None:
    module, tokens = counts([2], random_text(4)), ids()
    assert module(tokens, PACKING)[1].any()
    module.text.fill_(GAP)
    assert not module(tokens, PACKING)[1].any()
    module.count([random_text(4)])
    assert module(tokens, PACKING)[1].any()
    module.load_state_dict(module.state_dict() | {"text": torch.full_like(module.text, GAP)})
    assert not module(tokens, PACKING)[1].any()


def test_a_model_keeps_its_text(tmp_path: Any) -> None:
    values = {"orders": [1, 4], "symbols": 4}
    shape = {"arch_layout": ["m1"], "d_model": [64], "d_intermediate": [0], "vocab_size": 8}
    model = HNetForCausalLM(HNetConfig.from_dict(shape | {"ngram_counts": values})).eval()
    assert model.backbone.ngram_counts is not None
    model.backbone.ngram_counts.count([random_text(4)])
    model.save_pretrained(tmp_path)
    again = HNetForCausalLM.from_pretrained(tmp_path)
    with torch.no_grad():
        assert again(ids()).logits.equal(model(ids()).logits)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"orders": [0, 2]}, "ngram_counts.orders"),
        ({"orders": [21], "symbols": 4}, "at most 20 of 4 symbols; got 21"),
        ({"orders": [8]}, "at most 7 of 255 symbols"),
        ({"symbols": 256}, "ngram_counts.symbols: expected at most 255"),
        ({"tokens": [-1]}, "ngram_counts.tokens"),
        ({"tokens": [5, 5]}, "ngram_counts.tokens: expected 1 numbers"),
        ({"parts": 0}, "ngram_counts.parts"),
        ({"rows": 3}, "unknown model key ngram_counts.rows"),
    ],
)
def test_values_that_describe_no_counts_are_named(values: dict[str, Any], named: str) -> None:
    shape = {"arch_layout": ["m1"], "d_model": [64], "d_intermediate": [0], "vocab_size": 256}
    with pytest.raises(ValueError, match=named):
        HNetConfig.from_dict(shape | {"ngram_counts": {"orders": [2]} | values})
