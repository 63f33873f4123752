"""Mixtures: counts of sources are exact, and each source is read as if it were alone."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnet_seq.tasks.shard import shard
from modalities.errors import UsageError
from pipelines.batches.mixture import Mixture
from pipelines.batches.token_batches import MixedSource, PackedBatch, TokenBatches
from pipelines.batches.token_stream import TokenStream
from tests.pipelines.made_shards import Written, write_shards

CONTEXT, STEP, SEED = 32, 400, 3
# Which source a token is from is told by its first bits.
SOURCES = {"code": 0, "chinese": 64, "english": 128}
WEIGHTS = {"code": 2.0, "chinese": 1.0, "english": 0.37}
LENGTHS = {"code": (900, 31, 2, 700), "chinese": (150, 40, 64), "english": (2000, 5, 33)}


weights = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12)


@given(weights=weights, tokens=st.integers(0, 10**12))
def test_counts_are_the_shares_within_one_token_and_sum_to_all(
    weights: list[float], tokens: int
) -> None:
    counts = Mixture(weights).counts(tokens)
    assert sum(counts) == tokens
    assert min(counts) >= 0
    total = sum(map(Fraction, weights))
    heaviest = weights.index(max(weights))
    for i, (count, weight) in enumerate(zip(counts, weights, strict=True)):
        wanted = Fraction(weight) / total * tokens
        # The heaviest takes what the others' fractions of a token leave.
        assert abs(count - wanted) < (len(weights) if i == heaviest else 1) + tokens * 1e-12


@given(
    weights=weights,
    tokens=st.integers(0, 10**12),
    more=st.integers(0, 10**6),
)
def test_counts_never_fall_over_steps_of_the_sources_squared(
    weights: list[float], tokens: int, more: int
) -> None:
    mixture = Mixture(weights)
    step = len(weights) ** 2 + more
    for before, after in itertools.pairwise(mixture.counts(tokens + k * step) for k in range(4)):
        assert all(a <= b for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("bad", [[], [0.0], [1.0, -1.0], [1.0, float("nan")], [float("inf")]])
def test_weights_that_are_no_proportion_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="expected weights above 0"):
        Mixture(bad)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shards for each source."""
    path = tmp_path_factory.mktemp("mixture")
    for number, (name, first) in enumerate(SOURCES.items()):
        generator = np.random.default_rng(number)
        documents = [
            Written(f"{name}{i}", generator.integers(first, first + 64, n, np.uint8), "ab"[i % 2])
            for i, n in enumerate(LENGTHS[name])
        ]
        write_shards(path / name, documents, modality="text")
    return path


def mixed(folder: Path, **options: Any) -> TokenBatches:
    sources = [MixedSource(folder / name, name, weight) for name, weight in WEIGHTS.items()]
    given = {"context": CONTEXT, "batch_tokens": STEP, "seed": SEED} | options
    return TokenBatches(sources, **given)


def digest(batch: PackedBatch) -> str:
    parts = (batch.input_ids, batch.targets, batch.cu_seqlens)
    return hashlib.sha256(b"|".join(part.tobytes() for part in parts)).hexdigest()


def per_source(ids: np.ndarray) -> dict[str, int]:
    counts = np.bincount(ids >> 6, minlength=3)
    return dict(zip(SOURCES, counts.tolist(), strict=True))


def test_any_batch_alone_is_the_batch_in_sequence(folder: Path) -> None:
    straight = [digest(batch) for batch in map(mixed(folder).__getitem__, range(80))]
    assert len(set(straight)) == 80
    for k in np.random.default_rng(0).permutation(80).tolist():
        assert digest(mixed(folder)[k]) == straight[k]
    used = mixed(folder)
    assert [digest(used[k]) for k in reversed(range(80))] == straight[::-1]


def test_a_step_has_of_each_source_what_its_weight_says_one_after_the_other(folder: Path) -> None:
    source = mixed(folder)
    for step in range(60):
        batch = source[step]
        ids = batch.input_ids
        before, after = (source.mixture.counts(n * STEP) for n in (step, step + 1))
        wanted = [last - first for first, last in zip(before, after, strict=True)]
        assert list(per_source(ids).values()) == wanted
        assert (np.diff(ids >> 6) >= 0).all()
        # No sequence has two sources.
        for a, b in itertools.pairwise(batch.cu_seqlens.tolist()):
            assert len(set((ids[a:b] >> 6).tolist())) == 1
            assert b - a <= CONTEXT


def test_each_source_gives_its_own_stream_without_gaps(folder: Path) -> None:
    """Every token of a source once an epoch of it, before any comes twice."""
    source = mixed(folder)
    ids = np.concatenate([source[k].input_ids for k in range(50)])
    targets = np.concatenate([source[k].targets for k in range(50)])
    for name, first in SOURCES.items():
        mine = (ids >> 6) == first >> 6
        stream = TokenStream(folder / name, "train", context=CONTEXT, seed=SEED, shuffle=True)
        alone = stream.read(0, int(mine.sum()))
        assert (ids[mine] == alone.input_ids).all()
        # The window at the edge of a share goes on in the next step: no target is lost by it.
        assert (targets[mine] == alone.targets).all()
        epochs = int(mine.sum()) // stream.tokens_per_epoch
        assert epochs >= {"code": 5, "chinese": 20, "english": 1}[name]
        whole = [
            Counter(ids[mine][e * stream.tokens_per_epoch :][: stream.tokens_per_epoch].tolist())
            for e in range(epochs)
        ]
        assert all(counts == whole[0] for counts in whole)
        assert sum(whole[0].values()) == sum(LENGTHS[name])
    assert source.epochs(50) == {
        name: int(per_source(ids)[name]) / sum(LENGTHS[name]) for name in SOURCES
    }


def test_parts_of_a_step_are_its_sequences(folder: Path) -> None:
    source = mixed(folder)
    for step in range(10):
        ends, whole = source.sequence_ends(step), source[step]
        assert (np.array(ends) - step * STEP == whole.cu_seqlens[1:]).all()
        edges = [step * STEP, *ends]
        for group in (1, 3, len(ends)):
            cuts = sorted({*range(0, len(ends), group), len(ends)})
            parts = [source.read(edges[a], edges[b]) for a, b in itertools.pairwise(cuts)]
            assert digest(PackedBatch.joined(parts)) == digest(whole)


def test_over_a_million_tokens_the_mixture_is_that_of_the_weights(folder: Path) -> None:
    source = mixed(folder, batch_tokens=16_384, context=512)
    counts: Counter[str] = Counter()
    for k in range(-(-1_000_000 // 16_384)):
        counts.update(per_source(source[k].input_ids))
    total = sum(counts.values())
    assert total >= 1_000_000
    for name, weight in WEIGHTS.items():
        wanted = weight / sum(WEIGHTS.values()) * total
        assert counts[name] == pytest.approx(wanted, rel=1e-3)
        assert abs(counts[name] - wanted) < 3


def test_one_source_by_its_labels_is_a_mixture_too(folder: Path) -> None:
    sources = [
        MixedSource(folder / "code", "a", 3.0, ["a"]),
        MixedSource(folder / "code", "b", 1.0, ["b"]),
    ]
    source = TokenBatches(sources, context=CONTEXT, batch_tokens=STEP)
    of_a = LENGTHS["code"][0] + LENGTHS["code"][2]
    of_b = LENGTHS["code"][1] + LENGTHS["code"][3]
    assert [stream.tokens_per_epoch for stream in source.streams] == [of_a, of_b]
    assert source.epochs(2) == {"a": 600 / of_a, "b": 200 / of_b}


def test_the_fingerprint_tells_the_mixture(folder: Path) -> None:
    def of(*sources: MixedSource, **options: Any) -> str:
        given = {"batch_tokens": STEP} | options
        return TokenBatches(sources, context=CONTEXT, **given).fingerprint

    code, english = MixedSource(folder / "code"), MixedSource(folder / "english")
    prints = [
        of(code),
        of(code, english),
        of(english, code),
        of(code, english, batch_tokens=2 * STEP),
        of(code, MixedSource(folder / "english", weight=2.0)),
        of(code, MixedSource(folder / "english", labels=["a"])),
    ]
    assert len(set(prints)) == len(prints)
    # Only the proportions matter, and not what the sources are called.
    doubled = [MixedSource(folder / n, f"my {n}", 2.0) for n in ("code", "english")]
    assert of(*doubled) == prints[1]


def test_sources_without_soft_mask_weigh_one_beside_those_with_it(tmp_path: Path) -> None:
    for name, letters, keep in (("masked", "ACGTacgt", True), ("plain", "ACGTacgt", False)):
        (tmp_path / f"{name}.fa").write_text(f">r\n{letters * 100}\n")
        shard([tmp_path / f"{name}.fa"], tmp_path / name, keep_soft_mask=keep, progress=False)
    source = TokenBatches(
        [MixedSource(tmp_path / "masked"), MixedSource(tmp_path / "plain")],
        context=200,
        batch_tokens=400,
        soft_mask_weight=0.5,
    )
    for k in range(3):
        found = source[k].weights
        assert found is not None
        assert set(found[:200].tolist()) == {0.5, 1.0}
        assert set(found[200:].tolist()) == {1.0}


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("code", "code"), {}, "data.sources: two sources are called 'code'; give each a name"),
        (("code", "english"), {"batch_tokens": 3}, "batch_tokens: is too few for 2 sources"),
        (("code", "english"), {"split": "validation"}, "split: validation is read one source at a"),
        (("code",), {"batch_tokens": 0}, "batch_tokens: is 0, "),
    ],
)
def test_mixtures_that_cannot_be_meant_are_refused(
    folder: Path, names: tuple[str, ...], options: dict[str, Any], message: str
) -> None:
    sources = [MixedSource(folder / name) for name in names]
    with pytest.raises(UsageError) as caught:
        TokenBatches(sources, **{"context": CONTEXT, "batch_tokens": STEP} | options)
    assert str(caught.value).startswith(message)
