"""The record that an explanation is: controls, draws, tables, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq import (
    Arms,
    HNetForMaskedLM,
    InputError,
    UsageError,
    dependency_map,
    explain,
    read_result,
)
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.results.dependency_map import DependencyMap
from hnet_seq.results.explanation import Explanation
from modalities import dna
from tests.conftest import make_model
from tests.tasks.explaining import shape

LETTERS = "".join(np.random.default_rng(2).choice(list("ACGT"), 90))


@pytest.fixture(scope="module")
def explained() -> Explanation:
    markov = MarkovModel([dna.encode(LETTERS)], 1)
    return explain(
        make_model("one stage"),
        [("chr", LETTERS)],
        start=30,
        end=60,
        twin=make_model("one stage", seed=5),
        markov=markov,
        shuffles=2,
        baselines=1,
        steps=3,
        seed=1,
        device="cpu",
    )


def test_an_explanation_has_all_controls_and_is_read_again(
    explained: Explanation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert [len(explained.control(of)) for of in ("twin", "shuffled", "markov")] == [1, 2, 1]
    assert {row.control for row in explained.above} == {"twin", "shuffled"}
    assert {row.least_distance for row in explained.above} == {1, 2}
    assert explained.bases is not None
    assert {row.items for row in explained.agreement} == {
        *("bases", "bases, of those behind", "chunks of stage 0", "pairs within 1 bases"),
    }
    # A base that the baseline has too adds nothing, and has no part in it.
    of_baseline = [own == 0.0 for own in explained.bases.integrated]
    assert of_baseline == [own == 0.0 for own in explained.bases.integrated_own]
    assert {row.strand for row in explained.chunks} == {"+", "-"}
    assert all(30 <= row.start < row.end <= 60 for row in explained.chunks)
    folder = tmp_path_factory.mktemp("explained")
    explained.write(folder / "a.json")
    assert read_result(folder / "a.json", Explanation) == explained
    explained.dependencies.write(folder / "b.json")
    assert read_result(folder / "b.json", DependencyMap) == explained.dependencies


def test_an_explanation_is_a_table_and_a_drawing(explained: Explanation) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    pandas = pytest.importorskip("pandas")
    table = explained.to_pandas()
    assert list(table["pos"]) == list(range(31, 61))
    assert "".join(table["ref"]) == LETTERS[30:60]
    pairs = explained.dependencies.to_pandas()
    assert isinstance(pairs, pandas.DataFrame)
    assert len(pairs) == 30 * 29
    assert set(pairs["strand"]) == {"+", "-"}
    assert (pairs[pairs["strand"] == "+"].eval("read > substituted")).all()
    assert explained.plot().get_title() == "chr:31-60"


def test_its_draws_are_those_of_the_seed(explained: Explanation) -> None:
    options: dict[str, Any] = {
        "start": 30,
        "end": 40,
        "shuffles": 1,
        "baselines": 1,
        "steps": 2,
        "device": "cpu",
    }
    model = make_model("one stage")
    one, same, other = (explain(model, LETTERS, seed=seed, **options) for seed in (3, 3, 4))
    assert one == same
    assert one.controls != other.controls


def test_a_masked_model_has_a_map_and_no_likelihood() -> None:
    model = HNetForMaskedLM(shape(bidirectional=True))
    found = explain(model, LETTERS[:40], start=10, end=30, shuffles=1)
    assert found.bases is None
    assert found.chunks == []
    assert np.isnan(found.dependencies.matrix()).sum() == 20


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"start": 5, "end": 5}, UsageError, "5 to 5"),
        ({"start": 5, "end": 6}, UsageError, "1 bases"),
        ({"end": 91}, UsageError, "0 to 91"),
        ({"strands": "both"}, UsageError, "strands"),
        ({"batch_tokens": 0}, UsageError, "batch_tokens"),
        ({"shuffles": -1}, UsageError, "shuffles"),
        ({"steps": 0}, UsageError, "steps"),
        ({"start": 10, "end": 15}, InputError, "not two known bases"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        explain(make_model("one stage"), LETTERS[:10] + "NNNNN" + LETTERS[15:], **options)


def test_controls_that_are_none_are_refused() -> None:
    model, masked = make_model("one stage"), HNetForMaskedLM(shape(bidirectional=True))
    text = make_model("one stage")
    text.metadata["modality"] = "text"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"twin": masked}, "twin: is causal and the model masked, or the other way"),
        ({"twin": text}, "reads text"),
        ({"twin": torch.nn.Linear(2, 2)}, "twin: is Linear"),
        ({"markov": 3}, "markov: is int"),
        ({"pairs": {"x": []}}, r"pairs\['x'\]"),
        ({"pairs": {"x": [Arms((0, 2), (28, 31), False)]}}, "within the 30 bases of the region"),
    ]
    for options, said in wrong:
        with pytest.raises(InputError, match=said):
            explain(model, LETTERS, start=30, end=60, **options)


def test_models_of_something_else_are_refused() -> None:
    model = make_model("one stage")
    model.metadata["modality"] = "text"
    with pytest.raises(InputError, match="reads text"):
        dependency_map(model, LETTERS)
    with pytest.raises(InputError, match="expected a language model"):
        dependency_map(torch.nn.Linear(2, 2), LETTERS)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="2 sequences"):
        dependency_map(make_model("one stage"), [LETTERS, LETTERS])
