"""What is spared around a small fit changes nothing, and is as before after it."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.metrics import log_loss as log_loss_of_scikit_learn
from threadpoolctl import threadpool_info, threadpool_limits

from hnet_seq.evidence.probes import word_fits
from hnet_seq.evidence.probes.small_fits import unattended
from hnet_seq.evidence.probes.standardise import log_loss, softmax
from hnet_seq.evidence.probes.words import count_words


def threads() -> set[int]:
    """Of every BLAS of this process."""
    return {own["num_threads"] for own in threadpool_info() if own["user_api"] == "blas"}


@pytest.mark.parametrize("fails", [False, True])
def test_threads_and_checks_come_back(fails: bool) -> None:
    before, checked = threads(), sklearn.get_config()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hnet_seq.evidence.probes.small_fits._LITTLE", 8)
        for rows, own in ((4, {1}), (5, before)):
            with unattended(np.zeros((rows, 2))):
                assert threads() == own
                assert sklearn.get_config()["assume_finite"]
    if fails:
        with pytest.raises(KeyboardInterrupt), unattended(np.zeros((4, 2))):
            raise KeyboardInterrupt
    assert threads() == before
    assert sklearn.get_config() == checked


@pytest.mark.parametrize("little", [True, False])
def test_few_words_are_fitted_in_one_thread(monkeypatch: pytest.MonkeyPatch, little: bool) -> None:
    """In two, which wait for each other, they take four times the CPU seconds; not what is much,
    and not the products of matrices before the fit."""
    before, solve, within = threads(), word_fits.minimize, []
    eigh, apart = np.linalg.eigh, []

    def solving(*given, **named):
        within.append(threads())
        return solve(*given, **named)

    def decomposing(*given):
        apart.append(threads())
        return eigh(*given)

    monkeypatch.setattr(word_fits, "minimize", solving)
    monkeypatch.setattr(np.linalg, "eigh", decomposing)
    if not little:
        monkeypatch.setattr("hnet_seq.evidence.probes.small_fits._LITTLE", 8)
    generator = np.random.default_rng(0)
    words = count_words(list(generator.integers(0, 4, (20, 30)).astype(np.uint8)))
    with threadpool_limits(2, "blas"):
        word_fits.fit_words(words, np.arange(20) % 2, num_classes=2)
        assert threads() == {2}
    assert len(within) > 10
    assert all(own == ({1} if little else {2}) for own in within)
    assert apart
    assert all(own == {2} for own in apart)
    assert threads() == before


@pytest.mark.parametrize("classes", [2, 3])
def test_the_loss_is_that_of_scikit_learn(classes: int) -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, 50)
    # So far apart that some are 0 and 1 in fp64.
    found = softmax(
        generator.normal(size=(50, classes)) * 10.0 ** generator.integers(0, 4, (50, 1))
    )
    assert {0.0, 1.0} <= set(found.ravel().tolist())
    wanted = log_loss_of_scikit_learn(labels, found, labels=np.arange(classes))
    assert log_loss(found, labels) == pytest.approx(wanted, rel=1e-12)
