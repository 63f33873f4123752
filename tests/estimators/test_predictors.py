"""The classifier and the regressor: what the verbs do, in scikit-learn's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_score

from hnet_seq import (
    FinetuneConfig,
    HNetClassifier,
    HNetForCausalLM,
    HNetForSequenceClassification,
    HNetRegressor,
    InputError,
    UsageError,
    embed,
)
from hnet_seq.cli import main
from hnet_seq.tasks.classification.probe_file import load_probe, probe_parts

ONCE = FinetuneConfig(epochs=1, validation_fraction=0, batch_tokens=400)


@pytest.fixture(scope="module")
def table(
    tmp_path_factory: pytest.TempPathFactory, sequences: list[str], labels: list[str]
) -> Path:
    """A copy, and a reverse complement, are among the training rows."""
    rows = ["sequence,label,y,gene,split"]
    for at, (letters, label) in enumerate(zip(sequences, labels, strict=True)):
        split = "test" if at % 5 == 0 else "train"
        rows.append(f"{letters},{label},{letters.count('G')},g{at // 3},{split}")
    rows += [rows[2], rows[2].replace(sequences[1], reverse(sequences[1]))]
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def reverse(letters: str) -> str:
    return letters[::-1].translate(str.maketrans("ACGT", "TGCA"))


def training(table: Path) -> pd.DataFrame:
    rows = pd.read_csv(table)
    return rows[rows["split"] == "train"]


@pytest.mark.parametrize("probe", ["logistic", "svm", "knn"])
def test_a_frozen_classifier_is_the_probe_of_the_verb(
    probe: str, table: Path, checkpoint: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = f"classify train {checkpoint} --data {table} --out {out} --group-by gene --probe {probe}"
    assert main([*line.split(), "--no-twin", "--seed", "3", "--strands", "average"]) == 0
    rows = training(table)
    own = HNetClassifier(checkpoint, probe=probe, strands="average", random_state=3)  # type: ignore[arg-type]
    own.fit(rows["sequence"], rows["label"], groups=rows["gene"])
    assert own.probe_ is not None
    kind, arrays, settings = probe_parts(load_probe(out / "probe.npz").model)
    assert probe_parts(own.probe_)[::2] == (kind, settings)
    for name, value in arrays.items():
        # The verb embeds the test rows too: batches, and with them roundings, are others.
        np.testing.assert_allclose(probe_parts(own.probe_)[1][name], value, rtol=1e-3, atol=1e-4)


def test_a_frozen_regressor_is_that_of_the_verb(
    table: Path, checkpoint: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = f"classify train {checkpoint} --data {table} --out {out} --problem regression --label y"
    assert main([*line.split(), "--no-twin"]) == 0
    rows = training(table)
    own = HNetRegressor(checkpoint).fit(list(rows["sequence"]), rows["y"].tolist())
    expected: Any = load_probe(out / "probe.npz").model
    found: Any = own.probe_
    assert found.penalty == expected.penalty
    np.testing.assert_allclose(found.coefficients, expected.coefficients, rtol=1e-3, atol=1e-4)
    assert own.score(list(rows["sequence"]), rows["y"]) > 0.5


def test_a_finetuned_classifier_is_the_model_of_the_verb(
    table: Path, checkpoint: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = f"classify finetune {checkpoint} --data {table} --out {out} --group-by gene --seed 2"
    line += " --seeds 1 --epochs 2 --batch-tokens 400 --validation-fraction 0.3 --strands augment"
    assert main([*line.split(), "--no-twin", "--pooling", "attention", "--markers"]) == 0
    rows = training(table)
    own = HNetClassifier(
        checkpoint,
        training="finetuned",
        pooling="attention",
        markers=True,
        strands="augment",
        random_state=2,
        finetuning=FinetuneConfig(epochs=2, batch_tokens=400, validation_fraction=0.3),
    ).fit(rows["sequence"], rows["label"], groups=rows["gene"])
    expected = HNetForSequenceClassification.from_pretrained(out / "model", device="cpu")
    assert own.model_.head_config == expected.head_config
    assert [record["epoch"] for record in own.history_] == [1, 2]
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(own.model_.state_dict()[name], value, rtol=0, atol=0, msg=name)


def test_the_given_model_is_not_changed(
    hnet: HNetForCausalLM, sequences: list[str], labels: list[str]
) -> None:
    before = embed(hnet, sequences)
    tuned = HNetClassifier(hnet, training="finetuned", finetuning=ONCE).fit(sequences, labels)
    regressor = HNetRegressor(hnet, training="finetuned", finetuning=ONCE)
    regressor.fit(sequences, [len(own) for own in sequences])
    assert tuned.predict_proba(sequences).shape == (40, 2)
    assert regressor.predict(sequences).shape == (40,)
    np.testing.assert_array_equal(embed(hnet, sequences), before)
    assert not hnet.metadata.get("strands")


@pytest.mark.parametrize("settings", [{}, {"training": "finetuned", "finetuning": ONCE}])
@pytest.mark.parametrize("names", [[9, 10], [True, False], ["b", "a"], [1.0, 2.0], [-1, 10]])
def test_columns_are_those_of_classes(
    names: list[Any], settings: dict[str, Any], hnet: HNetForCausalLM, sequences: list[str]
) -> None:
    """Text has 10 before 9, and "-1" before "10"; the classes have their own order."""
    y = [names[at < 20] for at in range(40)]
    own = HNetClassifier(hnet, **settings).fit(sequences, y)
    assert own.classes_.tolist() == sorted(names)
    assert own.classes_.dtype == np.asarray(names).dtype
    found = own.predict_proba(sequences)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert (own.predict(sequences) == own.classes_[found.argmax(1)]).all()
    other = HNetClassifier(hnet, **settings).fit(sequences, [f"{label}" for label in y])
    order = [other.classes_.tolist().index(f"{name}") for name in own.classes_.tolist()]
    if not settings:  # a head's first weights are in the order of its names, which is text here too
        np.testing.assert_allclose(found, other.predict_proba(sequences)[:, order], atol=1e-4)
    else:
        np.testing.assert_array_equal(found, other.predict_proba(sequences)[:, order])


def test_cross_validation_with_groups(
    checkpoint: str, sequences: list[str], labels: list[str]
) -> None:
    groups = np.arange(40) // 4
    own = HNetClassifier(checkpoint, pooling="bases")
    found = cross_val_score(own, sequences, labels, groups=groups, cv=GroupKFold(4))
    assert found.mean() > 0.7
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(own).set_fit_request(groups=True)
        assert clone(routed).get_metadata_routing().fit.requests == {"groups": True}
        given = {"groups": groups}
        again = cross_val_score(routed, sequences, labels, params=given, cv=GroupKFold(4))
    assert again.shape == (4,)


LABELS: dict[str, tuple[Any, str]] = {
    "a missing one": (["a", None, "b", "a"], "y: row 1: is None"),
    "nan": ([1.0, 0.0, np.nan, 1.0], "y: row 2: is nan"),
    "NA": (pd.Series(["a", "b", "a", None], dtype="string"), "y: row 3: is <NA>"),
    "too few": (["a", "b"], "y: has 2 labels, and X 4 sequences"),
    "fractions": ([0.5, 1.0, 2.0, 0.25], "y: Unknown label type: continuous"),
    "several kinds": (["a", 1, "b", 1], "y: labels are of several types, int, str"),
    "one class": (["a"] * 4, "y: has one class, a; a classifier needs two"),
    "none": (None, "y: requires y to be passed"),
    "two columns": ([["a", "b"]] * 4, "y: .*give one label a sequence"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_a_wrong_label_is_named_with_its_row(kind: str, hnet: HNetForCausalLM) -> None:
    y, said = LABELS[kind]
    with pytest.raises(InputError, match=f"^{said}"):
        HNetClassifier(hnet).fit(["ACGT", "ACCC", "GGGT", "TTTT"], y)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([1, 2, "x", 4], "y: row 2: 'x' is no number"),
        ([1, np.inf, 2, 3], "y: row 1: is inf"),
        (["1", "2", "nan", "4"], "y: row 2: is nan, which float32 does not hold"),
        (["1", "-inf", "2", "4"], "y: row 1: is -inf, which float32 does not hold"),
        ([1, 2, 3, 10**400], "y: row 3: is inf, which float32 does not hold"),
        ([1, 2, 3, 10**5000], "y: row 3: is inf, which float32 does not hold"),
        ([1e308, 2, 3, 4], r"y: row 0: is 1e\+308, which float32 does not hold"),
        ([1, 2], "y: has 2 labels"),
        (None, "y: requires y"),
        ([[1, 2]] * 4, "y: .*give one label"),
    ],
)
def test_a_wrong_number_is_named_with_its_row(y: Any, said: str, hnet: HNetForCausalLM) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        HNetRegressor(hnet).fit(["ACGT", "ACCC", "GGGT", "TTTT"], y)


def test_what_else_is_wrong_is_named(hnet: HNetForCausalLM) -> None:
    four, y = ["ACGT", "ACCC", "GGGT", "TTTT"], ["a", "b", "a", "b"]
    nested = np.array([np.zeros((2, 2)), 1, 2, 3], object)
    for fit, said in (
        (lambda: HNetClassifier(hnet).fit(["ACGT", "NN"], "ab"), "X: sequence 1: holds only N"),
        (lambda: HNetClassifier(hnet).fit(four, y, groups=[1]), "groups: has 1 values, and X 4"),
        (lambda: HNetClassifier(hnet).fit(four, y, groups=3), "groups: is an int"),
        (lambda: HNetClassifier(hnet).fit(four, y, groups=[[1, 2]] * 4), r"groups: is \(4, 2\)"),
        (
            lambda: HNetClassifier(hnet).fit(four, y, groups=pd.Series([1.0, 1, None, 2])),
            "groups: row 2: is nan",
        ),
        (
            lambda: HNetClassifier(hnet).fit(four, y, groups=[["a"], ["b", "c"], [], []]),
            "groups: row 0: is a list",
        ),
        (
            lambda: HNetClassifier(hnet).fit(four, y, groups=["a", "b", {}, "d"]),
            "groups: row 2: is a dict",
        ),
        (
            lambda: HNetClassifier(hnet).fit(
                four, y, groups=[np.zeros((2, 2)), np.zeros((2, 3))] * 2
            ),
            "groups: could not broadcast .*; give one a sequence",
        ),
        (
            lambda: HNetClassifier(hnet).fit(
                four, y, groups=[np.zeros((2, 2)), np.zeros((3, 2)), 1, 2]
            ),
            "groups: row 0: is a ndarray; give text or a number",
        ),
        (lambda: HNetClassifier(hnet, random_state="x").fit(four, y), "random_state: 'x' cannot"),
        (lambda: HNetRegressor(hnet).fit(four[:1], [1]), "X: has one sample"),
        (lambda: HNetRegressor(hnet).fit(four, nested), "y: row 0: is a ndarray; leave it out"),
    ):
        with pytest.raises(InputError, match=f"^{said}"):
            fit()
    column = np.array(y)[:, None]
    with pytest.warns(DataConversionWarning):
        assert HNetClassifier(hnet).fit(four, column).predict(four[:1]).shape == (1,)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"training": "both"}, "training: is 'both'; expected frozen or finetuned"),
        ({"probe": "tree"}, "probe: is 'tree'"),
        ({"probe": ["svm"]}, r"probe: is \['svm'\]; expected one of logistic"),
        ({"stage": "x"}, "stage: is 'x'; expected a whole number"),
        ({"training": "finetuned", "stage": "x"}, "stage: is 'x'; expected a whole number"),
        ({"markers": True}, "markers: is for training='finetuned'"),
        ({"finetuning": ONCE}, "finetuning: is for training='finetuned'"),
        ({"strands": "augment"}, "strands: is 'augment'"),
        ({"pooling": "attention"}, "pooling: is 'attention'"),
        ({"training": "finetuned", "probe": "knn"}, "probe: is for training='frozen'"),
        ({"training": "finetuned", "layer": "final"}, "layer: is for training='frozen'"),
        ({"training": "finetuned", "pooling": "max"}, "pooling: is 'max'"),
        ({"training": "finetuned", "stage": 4}, "stage: is 4"),
        ({"training": "finetuned", "strands": "both"}, "strands: is 'both'"),
        ({"training": "finetuned", "finetuning": {"epochs": 2}}, "finetuning: is no hnet_seq.Fine"),
        (
            {"training": "finetuned", "finetuning": FinetuneConfig(seed=7)},
            "finetuning: has seed 7; give the estimator's own random_state",
        ),
        ({"training": "finetuned", "finetuning": FinetuneConfig(epochs=0)}, "epochs: is 0"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(
    settings: dict[str, Any], said: str, hnet: HNetForCausalLM
) -> None:
    with pytest.raises(UsageError, match=f"^{said}"):
        HNetClassifier(hnet, **settings).fit(["ACGT", "ACCC"], ["a", "b"])


def test_a_random_state_that_is_a_generator_draws_a_seed(hnet: HNetForCausalLM) -> None:
    own = HNetClassifier(hnet, random_state=np.random.RandomState(5))
    assert own.fit(["ACGT", "ACCC"], ["a", "b"]).seed_ == np.random.RandomState(5).randint(1 << 31)
    assert HNetClassifier(hnet, random_state=9).fit(["ACGT", "ACCC"], ["a", "b"]).seed_ == 9


def test_a_fit_that_fails_leaves_what_was_there(
    hnet: HNetForCausalLM, sequences: list[str], labels: list[str]
) -> None:
    own = HNetClassifier(hnet, probe="knn")
    with pytest.raises(InputError):
        own.fit([*sequences[1:], ""], labels)
    with pytest.raises(NotFittedError):
        own.predict(sequences)
    before = own.fit(sequences, labels).predict_proba(sequences)
    with pytest.raises(UsageError):
        own.set_params(pooling="bases", layer="innermost").fit(sequences, labels)
    with pytest.raises(InputError):
        own.set_params(pooling="bases", layer=None).fit(sequences, [1, 2])
    np.testing.assert_array_equal(own.predict_proba(sequences), before)


def test_before_fit_nothing_is_predicted(hnet: HNetForCausalLM) -> None:
    for call in (
        HNetClassifier(hnet).predict,
        HNetClassifier(hnet).predict_proba,
        HNetRegressor(hnet).predict,
    ):
        with pytest.raises(NotFittedError):
            call(["ACGT"])
