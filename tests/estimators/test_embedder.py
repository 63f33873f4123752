"""Vectors in a scikit-learn pipeline."""

from __future__ import annotations

import pickle
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline

from hnet_seq import HNetEmbedder, HNetForCausalLM, InputError, UsageError, embed
from modalities import dna


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"pooling": "last", "strands": "average"},
        {"pooling": "bases", "layer": "encoder", "stage": 0},
        {"pooling": "chunks_weighted", "batch_tokens": 40},
        {"layer": "innermost"},
    ],
)
def test_vectors_are_those_of_embed(
    settings: dict[str, Any], checkpoint: str, hnet: HNetForCausalLM, sequences: list[str]
) -> None:
    expected = embed(hnet, sequences, **settings)
    embedder = HNetEmbedder(checkpoint, **settings)
    np.testing.assert_array_equal(embedder.fit_transform(sequences), expected)
    np.testing.assert_array_equal(embedder.fit(sequences[:1]).transform(sequences), expected)


def test_a_model_is_a_name_a_path_or_an_object(
    checkpoint: str, hnet: HNetForCausalLM, sequences: list[str]
) -> None:
    expected = embed(hnet, sequences[:3])
    np.testing.assert_array_equal(HNetEmbedder(hnet).fit_transform(sequences[:3]), expected)
    assert HNetEmbedder(device="cpu").fit_transform(sequences[:3]).shape == (3, 128)
    for given, said in ((None, "None"), (3, "an int"), (LogisticRegression(), "a Logistic")):
        with pytest.raises(InputError, match=f"^model: is {said}"):
            HNetEmbedder(given).fit(sequences)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^model: .*nowhere"):
        HNetEmbedder("nowhere").fit(sequences)


def test_clones_share_a_model_and_have_the_parameters(hnet: HNetForCausalLM) -> None:
    embedder = HNetEmbedder(hnet, pooling="bases", strands="average").set_output(transform="pandas")
    copied = clone(embedder.fit(["ACGT"]))
    assert copied.model is hnet
    assert not hasattr(copied, "model_")
    assert copied.get_params() == embedder.get_params()
    assert isinstance(copied.fit_transform(["ACGT"]), pd.DataFrame)
    assert copied.set_params(pooling="last").pooling == "last"
    assert embedder.pooling == "bases"
    assert "pooling='bases'" in repr(embedder)


COLUMNS: dict[str, Callable[[list[str]], Any]] = {
    "a tuple": tuple,
    "an iterator": iter,
    "an array": np.array,
    "an array of objects": lambda x: np.array(x, object),
    "a column of an array": lambda x: np.array(x)[:, None],
    "a Series": lambda x: pd.Series(x, index=range(5, 5 + len(x))),
    "a Series of text": lambda x: pd.Series(x, dtype="string"),
    "categories": lambda x: pd.Series(x, dtype="category"),
    "a frame": lambda x: pd.DataFrame({"sequence": x}),
    "tokens": lambda x: [dna.encode(own) for own in x],
    "pairs": lambda x: [(f"s{at}", own) for at, own in enumerate(x)],
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_what_is_taken_as_sequences(kind: str, hnet: HNetForCausalLM, sequences: list[str]) -> None:
    three = sequences[:3]
    given = COLUMNS[kind](three)
    found = HNetEmbedder(hnet).fit_transform(given)
    np.testing.assert_array_equal(found, embed(hnet, three))


WRONG = {
    "a number among them": (["ACGT", 3], "X: sequence 1: is an int"),
    "a gap": (["ACGT", "AC", ""], "X: sequence 2: is empty"),
    "a missing value": (pd.Series(["ACGT", None]), "X: sequence 1: is None"),
    "another missing value": (pd.Series(["ACGT", np.nan], dtype=object), "X: sequence 1: is a flo"),
    "protein": (["ACGT", "MEEP"], "X: sequence 1: position 2"),
    "none": ([], "X: has no sequences"),
    "nothing": (None, "X: is None"),
    "a path": (np.__file__, "X: sequence 0: position 1"),
    "numbers": (np.zeros((3, 2)), r"X: is float64 \(3, 2\); give a list of N sequences"),
    "a tensor": (torch.zeros((3, 2)), r"X: is torch.float32 \(3, 2\); give a list of N sequences"),
    "a frame": (pd.DataFrame({"a": ["A"], "b": ["C"]}), "X: is a DataFrame of 2 columns; give the"),
    "texts": (np.array([["A", "C"]]), "X: is a ndarray of 2 columns; give the one with"),
    "a dict": ({"a": "ACGT"}, "X: is a dict"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_sequence_is_named_with_its_index(kind: str, hnet: HNetForCausalLM) -> None:
    given, said = WRONG[kind]
    embedder = HNetEmbedder(hnet).fit(["ACGT"])
    for call in (embedder.transform, embedder.fit, embedder.fit_transform):
        with pytest.raises(InputError, match=f"^{said}"):
            call(given)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pooling": "max"}, "pooling: is 'max'"),
        ({"pooling": "attention"}, "pooling: is 'attention'"),
        ({"layer": "final"}, "pooling: is chunks, but final"),
        ({"layer": "outer"}, "layer: is 'outer'"),
        ({"stage": 2}, "stage: is 2"),
        ({"stage": "x"}, "stage: is 'x'; expected a whole number"),
        ({"stage": None, "pooling": "bases"}, "stage: is None; expected a whole number"),
        ({"strands": "both"}, "strands: is 'both'"),
        ({"strands": "augment"}, "strands: is 'augment'"),
        ({"batch_tokens": 0}, "batch_tokens: is 0"),
        ({"batch_tokens": "many"}, "batch_tokens: is 'many'; expected 1 or more"),
        ({"precision": "fp8"}, "precision: is 'fp8'"),
    ],
)
def test_a_setting_that_does_not_fit_is_told_at_fit(
    settings: dict[str, Any], said: str, hnet: HNetForCausalLM
) -> None:
    with pytest.raises(UsageError, match=f"^{said}"):
        HNetEmbedder(hnet, **settings).fit(["ACGT"])


def test_before_fit_there_are_no_vectors() -> None:
    with pytest.raises(NotFittedError):
        HNetEmbedder().transform(["ACGT"])


def test_what_was_fitted_stays_when_parameters_change(
    hnet: HNetForCausalLM, sequences: list[str]
) -> None:
    embedder = HNetEmbedder(hnet).fit(sequences)
    embedder.set_params(pooling="bases")
    np.testing.assert_array_equal(embedder.transform(sequences[:2]), embed(hnet, sequences[:2]))


def test_columns_have_names(hnet: HNetForCausalLM, sequences: list[str]) -> None:
    embedder = HNetEmbedder(hnet).set_output(transform="pandas")
    frame = pd.DataFrame({"sequence": sequences[:4], "gc": range(4)})
    found = make_column_transformer((embedder, "sequence"), remainder="passthrough")
    table = found.set_output(transform="pandas").fit_transform(frame)
    assert table.shape == (4, 65)
    assert list(table.columns[[0, 63, 64]]) == [
        "hnetembedder__hnetembedder0",
        "hnetembedder__hnetembedder63",
        "remainder__gc",
    ]


def test_a_search_over_poolings_and_layers_with_groups(
    checkpoint: str, sequences: list[str], labels: list[str]
) -> None:
    pipeline = make_pipeline(HNetEmbedder(checkpoint), LogisticRegression(C=0.1))
    grid = [
        {"hnetembedder__pooling": ["chunks"], "hnetembedder__layer": ["inner", "innermost"]},
        {"hnetembedder__pooling": ["bases"], "hnetembedder__layer": ["final", "encoder"]},
    ]
    groups = np.arange(len(labels)) // 4
    search = GridSearchCV(pipeline, grid, cv=GroupKFold(5), error_score="raise")
    search.fit(sequences, labels, groups=groups)
    found = search.cv_results_
    assert len(found["params"]) == 4
    assert found["mean_test_score"].max() > 0.7
    best = search.best_estimator_.named_steps["hnetembedder"]
    again = embed(best.model_, sequences[:2], pooling=best.pooling, layer=best.layer)
    np.testing.assert_array_equal(best.transform(sequences[:2]), again)


def test_a_search_goes_on_behind_a_layer_that_does_not_fit(
    checkpoint: str, sequences: list[str], labels: list[str]
) -> None:
    pipeline = make_pipeline(HNetEmbedder(checkpoint), LogisticRegression())
    grid = {"hnetembedder__pooling": ["chunks"], "hnetembedder__layer": ["inner", "final"]}
    search = GridSearchCV(pipeline, grid, cv=2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        search.fit(sequences, labels)
    said = "pooling: is chunks, but final has a vector a base; use bases or last"
    assert any(said in f"{each.message}" for each in told)
    assert search.best_params_["hnetembedder__layer"] == "inner"


def test_a_pickle_gives_the_same_vectors(hnet: HNetForCausalLM, sequences: list[str]) -> None:
    embedder = HNetEmbedder(hnet, strands="average").fit(sequences)
    again = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(again.transform(sequences), embedder.transform(sequences))


def test_threads_with_one_model_get_the_vectors_of_one(
    hnet: HNetForCausalLM, sequences: list[str]
) -> None:
    """A layer is heard through a hook of the model, which another thread's call would set off."""
    kinds = [{"layer": "innermost"}, {"pooling": "bases", "layer": "encoder"}] * 3
    expected = [embed(hnet, sequences, **kind) for kind in kinds]  # type: ignore[arg-type]
    found: list[Any] = [None] * len(kinds)

    def work(at: int) -> None:
        found[at] = HNetEmbedder(hnet, **kinds[at]).fit_transform(sequences)  # type: ignore[arg-type]

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(kinds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(own, other)
