"""Readers that count, and the exact interval of a share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from hnet_seq.evidence.baselines.context_mixing import ContextMixing
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.measures.shares import share_interval
from hnet_seq.evidence.zero_shot.counting import CopyReader, MarkovReader, MixingReader
from modalities import dna
from modalities.errors import InputError
from tests.evidence.zero_shot.chains import Chain, random_bases


def test_a_markov_readers_rows_are_probabilities_and_its_own_base_is_what_it_scores() -> None:
    chain = Chain()
    model = MarkovModel([chain.writes(3000, 1)], 3)
    tokens = dna.encode("ACGTNACGATTACA")
    rows = model.distributions(tokens)
    known = [at for at in range(1, len(tokens)) if tokens[at] < 4]
    np.testing.assert_allclose(np.exp(rows[known]).sum(1), 1)
    assert np.isnan(rows[[0, 4]]).all()
    own = model.log_likelihoods(tokens)
    np.testing.assert_allclose(rows[known, tokens[known]], own[known])
    reader = MarkovReader(model)
    (found,) = reader.log_likelihoods([tokens])
    assert found.nats == pytest.approx(own.sum())
    assert found.bases == 12
    # The likeliest base after a sequence is the one that the rows of a longer one say.
    short = dna.encode("GA")
    going, of_short = reader.continued([tokens, short], 5)
    np.testing.assert_array_equal(of_short, reader.continued([short], 5)[0])
    assert of_short[0] == model.distributions(dna.encode("GAA"))[-1].argmax()
    read = tokens
    for base in going:
        rows = model.distributions(np.append(read, np.uint8(0)))
        assert base == rows[-1].argmax()
        read = np.append(read, base)


def test_a_copy_reader_says_what_followed_and_nothing_over_unknown_bases() -> None:
    word = random_bases(16, 3)
    reader = CopyReader(word=8)
    tokens = np.concatenate([word, random_bases(40, 4), word[:12]])
    (rows,) = reader.base_log_probabilities([tokens])
    again = slice(len(tokens) - 4, len(tokens))
    assert (rows[again].argmax(1) == word[8:12]).all()
    np.testing.assert_allclose(np.exp(rows[again].max(1)), 0.9, atol=1e-6)
    np.testing.assert_allclose(np.exp(rows[1:]).sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(rows[1:8], np.log(0.25), atol=1e-6)
    (going,) = reader.continued([tokens], 4)
    assert (going == word[12:16]).all()
    hidden = tokens.copy()
    hidden[5] = dna.UNKNOWN
    (rows,) = reader.base_log_probabilities([hidden])
    assert np.ptp(rows[again][0]) == 0
    assert list(reader.continued([word[:4]], 2)[0]) == [0, 0]


def test_mixing_learns_as_it_reads_and_goes_on_from_nothing() -> None:
    chain = Chain()
    learned = ContextMixing((2, 3))
    learned.read(chain.writes(8000, 1))
    reader = MixingReader(learned)
    tokens = chain.writes(2000, 2)
    (found,) = reader.log_likelihoods([tokens])
    assert found.bases == 1999
    (fresh,) = MixingReader(ContextMixing((2, 3))).log_likelihoods([tokens])
    assert chain.entropy() < found.bits_per_base < fresh.bits_per_base - 0.1
    with pytest.raises(InputError, match="context mixing: learns as it reads"):
        reader.continued([tokens], 3)


def test_the_interval_of_a_share_holds_it_in_95_of_100_experiments_or_more() -> None:
    for trials in (1, 5, 20, 100):
        ends = [share_interval(hits, trials) for hits in range(trials + 1)]
        assert ends[0][0] == 0.0
        assert ends[-1][1] == 1.0
        for share in np.linspace(0.005, 0.995, 67):
            held = [low <= share <= high for low, high in ends]
            assert binom.pmf(np.arange(trials + 1), trials, share)[held].sum() >= 0.95
    assert share_interval(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)
    assert share_interval(0, 10)[1] == pytest.approx(0.3085, abs=1e-4)
