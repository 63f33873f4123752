"""Dependency maps, attributions and chunks: against what they are defined as, computed plainly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq import (
    HNetConfig,
    HNetForCausalLM,
    dependency_map,
    explain,
    saturation_mutagenesis,
)
from hnet_seq.analysis.dependencies import strongest
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.model.boundary_policy import BoundaryPolicy
from hnet_seq.model.counted_text import counted_texts, left_out
from hnet_seq.model.state import HNetState
from hnet_seq.tasks.explaining import continued
from hnet_seq.tasks.explaining.chunk_effects import chunk_effects
from hnet_seq.tasks.explaining.continued import Beginning, likelihood
from hnet_seq.tasks.explaining.gradients import (
    gradient_by_input,
    integrated_gradients,
    over_others,
)
from hnet_seq.tasks.explaining.markov_map import markov_map
from hnet_seq.tasks.explaining.substituted import Window, rows_of
from hnet_seq.tasks.scoring.likelihoods import base_log_likelihoods
from modalities import dna
from tests.conftest import LAYOUTS, make_model
from tests.model.policies import with_policy
from tests.tasks.explaining import Copying, CopyingBoth, shape

LETTERS = "".join(np.random.default_rng(2).choice(list("ACGT"), 90))


def expected(model: HNetForCausalLM, tokens: np.ndarray) -> np.ndarray:
    """(L, 4) log-probabilities of the letters at each place, plainly; NaN at the first."""
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens).long()).logits
    values = logits.log_softmax(1)[:-1, :4].numpy()
    return np.concatenate([np.full((1, 4), math.nan), values])


def other_at(tokens: np.ndarray, place: int) -> list[np.ndarray]:
    found = []
    for letter in range(4):
        if letter != tokens[place]:
            found.append(tokens.copy())
            found[-1][place] = letter
    return found


def plain_half(model: HNetForCausalLM, tokens: np.ndarray, start: int, end: int) -> np.ndarray:
    """Substitutions one by one, each sequence as a whole."""
    found = np.full((end - start, end - start), math.nan)
    reference = expected(model, tokens)
    for place in range(start, end):
        changed = np.stack([expected(model, own) for own in other_at(tokens, place)])
        behind = slice(place + 1, end)
        found[place - start, place - start + 1 :] = strongest(reference[behind], changed[:, behind])
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_follows_a_shared_beginning_is_what_whole_sequences_have(layout: str) -> None:
    model = make_model(layout)
    tokens = dna.encode(LETTERS)
    beginning = Beginning(model, tokens[:40], batch_tokens=64)
    tails = [tokens[40:], tokens[:3], tokens[40:40], other_at(tokens[40:], 5)[0]]
    for tail, found in zip(tails, beginning.expected(tails), strict=True):
        whole = expected(model, np.concatenate([tokens[:40], tail]))[40:]
        np.testing.assert_allclose(found, whole, atol=2e-4)
    # Nothing has gone on: the same again.
    np.testing.assert_allclose(
        beginning.expected(tails[:1])[0], beginning.expected(tails)[0], atol=1e-5
    )


def test_a_state_is_copied_with_all_that_it_holds() -> None:
    model = make_model("two stages, MLPs outside, tied")
    with torch.no_grad():
        _, state = model.prefill(LETTERS[:30])
        several = state.select(torch.zeros(3, dtype=torch.int64))
        outs = [model.step(torch.full((n,), 2), own) for n, own in ((3, several), (1, state))]
    assert isinstance(several, HNetState)
    for row in outs[0].logits:
        torch.testing.assert_close(row, outs[1].logits[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layout", ["one stage", "isotropic"])
def test_a_map_is_every_substitution_on_both_strands(layout: str) -> None:
    model = make_model(layout)
    tokens = dna.encode(LETTERS)
    found = dependency_map(model, LETTERS, start=30, end=60, device="cpu")
    right = plain_half(model, tokens, 30, 60)
    left = plain_half(model, dna.reverse_complement(tokens), 30, 60)[::-1, ::-1]
    plain = np.where(np.isnan(right), left, right)
    np.testing.assert_allclose(found.matrix(), plain, atol=2e-3)  # is kept in thousandths
    assert found.reads == "strands"
    assert (found.start, found.reference) == (31, LETTERS[30:60])
    half = dependency_map(model, LETTERS, start=30, end=60, strands="none", device="cpu")
    np.testing.assert_allclose(half.matrix(), right, atol=2e-3)
    assert half.reads == "forward"


def test_the_size_of_a_call_does_not_matter() -> None:
    model = make_model("one stage")
    one, other = (
        dependency_map(model, LETTERS, end=16, batch_tokens=size, device="cpu").matrix()
        for size in (4096, 70)
    )
    np.testing.assert_allclose(one, other, atol=2e-3)


@pytest.mark.parametrize("kind", [Copying, CopyingBoth])
def test_a_planted_copy_is_found_at_its_place_and_nowhere_else(
    kind: type[Copying] | type[CopyingBoth],
) -> None:
    model = kind(shape(bidirectional=kind is CopyingBoth))
    found = dependency_map(model, LETTERS, start=20, end=70, device="cpu")
    values = found.matrix()
    apart = np.subtract.outer(np.arange(50), np.arange(50))
    if kind is Copying:
        planted = np.abs(apart) == model.distance
        assert found.reads == "strands"
    else:
        planted = apart == model.distance  # what is read lies before what it copies
        assert found.reads == "both sides"
    assert (values[planted] > 5).all()
    assert (values[~planted & (apart != 0)] == 0).all()
    assert np.isnan(np.diag(values)).all()


def test_a_markov_model_depends_within_its_order_alone() -> None:
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 4, 6000).astype(np.uint8)
    copied = generator.random(6000) < 0.9
    for place in range(3, len(tokens)):
        if copied[place]:
            tokens[place] = tokens[place - 3]
    window = Window(tokens[1000:1090], 20, 70)
    apart = np.abs(np.subtract.outer(np.arange(50), np.arange(50)))
    for order in (2, 4):
        found = markov_map(MarkovModel([tokens], order), window, both_strands=True, counted=True)
        assert (found[apart > order] == 0).all()
        means = [float(found[apart == d].mean()) for d in range(1, order + 1)]
        if order == 4:  # and there most where the copy is
            assert int(np.argmax(means)) + 1 == 3
            assert means[2] > 3
            assert max(means[0], means[1], means[3]) < means[2] / 2


def test_a_markov_model_s_map_is_what_substitutions_do_to_its_probabilities() -> None:
    tokens = np.random.default_rng(1).integers(0, 4, 400).astype(np.uint8)
    markov = MarkovModel([tokens], 2)
    window = Window(tokens[:12], 0, 12)
    found = markov_map(markov, window, both_strands=False, counted=False)

    def chances(sequence: np.ndarray) -> np.ndarray:
        rows = []
        for place in range(5, 6):
            own = []
            for letter in range(4):
                changed = sequence[: place + 1].copy()
                changed[place] = letter
                own.append(markov.log_likelihoods(changed)[place])
            rows.append(own)
        return np.array(rows)

    changed = np.stack([chances(own) for own in other_at(window.tokens, 4)])
    assert found[4, 5] == pytest.approx(strongest(chances(window.tokens), changed)[0])


def test_a_substitution_s_effect_is_that_of_saturation_mutagenesis() -> None:
    model = make_model("one stage")
    window = Window(dna.encode(LETTERS), 30, 60)
    found = np.concatenate(
        [rows_of(model, window, *block, batch_tokens=400) for block in window.blocks()]
    )[:, -4:]
    whole = saturation_mutagenesis(
        model, LETTERS[:60], start=30, end=60, strands="none", device="cpu"
    )
    np.testing.assert_allclose(found, whole, atol=2e-4)


def test_an_unknown_base_has_no_dependencies() -> None:
    model = make_model("one stage")
    letters = LETTERS[:25] + "N" + LETTERS[26:50]
    values = dependency_map(model, letters, start=20, end=40, device="cpu").matrix()
    assert np.isnan(values[5]).all()
    assert np.isnan(values[:, 5]).all()
    assert np.isnan(values).sum() == 20 + 2 * 19  # the diagonal, its row and its column
    found = explain(model, letters, start=20, end=40, shuffles=1, baselines=1, steps=2)
    assert found.bases is not None
    assert found.bases.gradient[5] is None
    assert sum(value is None for value in found.bases.mutagenesis) == 1


def test_unknown_bases_have_no_value_in_any_track_or_control() -> None:
    letters = LETTERS[:25] + "N" + LETTERS[26:50]
    markov = MarkovModel([dna.encode(LETTERS)], 2)
    model = make_model("one stage")
    found = explain(model, letters, start=20, end=40, markov=markov, baselines=1, steps=2)
    assert found.bases is not None
    for name in found.bases.names:
        values = getattr(found.bases, name)
        assert [index for index, value in enumerate(values) if value is None] == [5], name
    own = np.isnan(found.dependencies.matrix())
    assert {own.of for own in found.controls} == {"shuffled", "markov"}
    (other,) = found.control("markov")
    assert (np.isnan(other) == own).all()


def test_the_first_base_of_all_has_its_own_part_from_the_other_strand() -> None:
    model = make_model("one stage")
    options: dict[str, Any] = {"end": 20, "shuffles": 0, "baselines": 1, "steps": 2}
    half = explain(model, LETTERS[:40], strands="none", **options).bases
    both = explain(model, LETTERS[:40], **options).bases
    assert half is not None
    assert both is not None
    assert half.own[0] is None
    assert half.integrated_own[0] is None
    assert half.gradient[0] is not None
    reverse = Window(dna.reverse_complement(dna.encode(LETTERS[:40])), 20, 40)
    assert both.own[0] == pytest.approx(gradient_by_input(model, reverse).own[-1], abs=1e-5)
    assert half.own[1] is not None


def counting(tokens: np.ndarray) -> HNetForCausalLM:
    """A model that has counted these bases, as training does."""
    config = make_model("one stage").config.to_dict()
    counts = {"orders": [2, 7], "symbols": 4}  # 4^7: few are met by chance
    model = HNetForCausalLM(HNetConfig.from_dict(config | {"ngram_counts": counts})).eval()
    assert model.backbone.ngram_counts is not None
    model.backbone.ngram_counts.count([torch.from_numpy(tokens)])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "ngram_counts" in name:
                torch.nn.init.normal_(parameter, std=0.5, generator=torch.manual_seed(0))
    return model


@pytest.mark.parametrize(
    ("letters", "seen"),
    # Of 90 letters a substitution leaves more than nine tenths of what was counted, of 75 less but
    # near the end.
    [(90, False), (90, True), (75, True)],
)
def test_a_model_with_counts_judges_whole_windows(letters: int, seen: bool) -> None:
    """Whether what is read was counted is judged by all of it, as everywhere else."""
    tokens = dna.encode(LETTERS[:letters])
    text = np.random.default_rng(3).integers(0, 4, 400).astype(np.uint8)
    model = counting(np.concatenate([text, tokens]) if seen else text)
    window = Window(tokens, 60, 70)
    found = rows_of(model, window, 0, 10, 32)
    (own,) = base_log_likelihoods(model, [tokens], batch_tokens=400)
    effects = np.zeros((10, 4))
    for place in range(60, 70):
        for other in other_at(tokens, place):
            (values,) = base_log_likelihoods(model, [other], batch_tokens=400)
            effects[place - 60, other[place]] = (values - own)[place:70].sum()
    np.testing.assert_allclose(found[:, -4:], effects, atol=1e-3)
    tails = [tokens[50:70], tokens[51:70], tokens[:0]]
    beginning = Beginning(model, tokens[:50], 32, tokens[70:])
    for tail, values in zip(tails, beginning.expected(tails), strict=True):
        (plain,) = base_log_likelihoods(
            model, [np.concatenate([tokens[:50], tail, tokens[70:]])], batch_tokens=400
        )
        np.testing.assert_allclose(likelihood(values, tail), plain[50 : 50 + len(tail)], atol=1e-4)
    gradient = gradient_by_input(model, window)
    assert gradient.own.sum() == pytest.approx(
        float(own[60:70].sum() - _others(model, tokens, 60, 70)), abs=1e-2
    )


def test_every_text_that_was_counted_is_judged_by_itself() -> None:
    """Here one of boundaries, and two of n-grams, of which one has what is read."""
    tokens = dna.encode(LETTERS[:75])
    shape = make_model("one stage").config.to_dict()
    shape |= {"ngram_counts": {"orders": [2, 7], "symbols": 4, "parts": 2}}
    rule = BoundaryPolicy("entropy", orders=[1, 8], symbols=4, rate=0.3)
    model = with_policy(shape, rule)
    assert isinstance(model, HNetForCausalLM)
    other = torch.from_numpy(np.random.default_rng(3).integers(0, 4, 400).astype(np.uint8))
    for counted in counted_texts(model):
        own = torch.cat([other, torch.from_numpy(tokens)])
        counted.count([own, other][: counted.parts])
    beginning = Beginning(model, tokens[:50], 32, tokens[70:])
    tails = [tokens[50:70], *other_at(tokens[50:70], 9), *other_at(tokens[50:70], 19)]
    for tail, values in zip(tails, beginning.expected(tails), strict=True):
        whole = np.concatenate([tokens[:50], tail, tokens[70:]])
        with left_out(model):
            plain = expected(model, whole)[50:70]
        np.testing.assert_allclose(values, plain, atol=2e-4)
    np.testing.assert_array_equal(beginning.expected([tokens[:0]])[0], np.empty((0, 4)))
    nothing = Beginning(model, tokens[:0], 32).expected([tokens[:0], tokens[:4]])
    assert [len(own) for own in nothing] == [0, 4]


def _others(model: HNetForCausalLM, tokens: np.ndarray, start: int, end: int) -> float:
    """The mean log-probability of the three other letters, summed over places."""
    (values,) = Beginning(model, tokens[:start], 400, tokens[end:]).expected([tokens[start:end]])
    of_own = likelihood(values, tokens[start:end])
    return float(((values.sum(1) - of_own) / 3).sum())


def test_states_at_a_time_are_few_where_memory_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model("one stage")
    window = Window(dna.encode(LETTERS), 30, 60)
    whole = rows_of(model, window, 0, 16, 4096)
    widest = []
    select = HNetState.select

    def counted(state: HNetState, slots: torch.Tensor) -> HNetState:
        widest.append(len(slots))
        return select(state, slots)

    monkeypatch.setattr(continued, "most_branches", lambda *_: 5)
    monkeypatch.setattr(HNetState, "select", counted)
    np.testing.assert_allclose(rows_of(model, window, 0, 16, 4096), whole, atol=2e-3)
    assert max(widest) == 5


def stretch_likelihood(model: HNetForCausalLM, tokens: np.ndarray, start: int) -> float:
    (values,) = base_log_likelihoods(model, [tokens], batch_tokens=1000)
    return float(values[start:].sum())


def test_a_gradient_is_what_small_mixtures_change() -> None:
    model = make_model("isotropic")  # no chunks, so no jumps
    tokens = dna.encode(LETTERS[:40])
    window = Window(tokens, 25, 40)
    found = gradient_by_input(model, window)
    effects = np.zeros((15, 4))
    for place in range(25, 40):
        for other in other_at(tokens, place):
            change = stretch_likelihood(model, other, 25) - stretch_likelihood(model, tokens, 25)
            effects[place - 25, other[place]] = change
    # Of an almost linear model the two would be one; of this one they rank alike.
    rho = spearman(found.total, over_others(effects), interval=False)["rho"]
    assert rho is not None
    assert rho > 0.8
    own = expected(model, tokens)[25:]
    mean = (own.sum(1) - likelihood(own, tokens[25:])) / 3
    np.testing.assert_allclose(found.own, likelihood(own, tokens[25:]) - mean, atol=1e-4)


def test_integrated_gradients_add_up_where_nothing_jumps() -> None:
    model = make_model("isotropic")
    window = Window(dna.encode(LETTERS[:40]), 25, 40)
    other = dna.encode(LETTERS[50:65])
    found = integrated_gradients(model, window, [other], steps=40, batch_tokens=200)
    baseline = np.concatenate([window.tokens[:25], other])
    change = stretch_likelihood(model, window.tokens, 25) - stretch_likelihood(model, baseline, 25)
    assert found.change == pytest.approx(change, abs=1e-3)
    assert found.total.sum() == pytest.approx(change, abs=0.05 * abs(change) + 0.02)
    assert found.missed == pytest.approx(abs(found.total.sum() - change), abs=1e-3)
    same = window.letters == other
    np.testing.assert_allclose(found.total[same], 0, atol=1e-9)


def test_a_chunk_s_effect_is_of_what_lies_behind_it() -> None:
    model = make_model("two stages, MLPs outside, tied")
    tokens = dna.encode(LETTERS)
    window = Window(tokens, 30, 70)
    effects = list(
        chunk_effects(model, window, draws=2, generator=np.random.default_rng(0), batch_tokens=500)
    )
    assert {effect.stage for effect in effects} == {0, 1}
    for effect in effects[::3]:
        start, end = 30 + effect.start, 30 + effect.end
        if end == 70:
            assert math.isnan(effect.deleted)
            continue
        without = np.concatenate([tokens[:start], tokens[end:70]])
        plain = stretch_likelihood(model, tokens[:70], end) - stretch_likelihood(
            model, without, start
        )
        assert effect.deleted == pytest.approx(plain, abs=1e-3)
        assert math.isnan(effect.shuffled) == (effect.kept == "")
    single = [effect for effect in effects if effect.end - effect.start == 1]
    assert all(effect.kept == "" for effect in single)
