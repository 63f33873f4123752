"""scikit-learn's own checks of estimators: which pass, and which cannot and why.

They hand over tables of numbers, so of an estimator whose tags say that it takes strings one thing
is checked. ``of_numbers.py`` writes numbers as DNA in front of the estimators.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from hnet_seq import (
    FinetuneConfig,
    HNetClassifier,
    HNetConfig,
    HNetEmbedder,
    HNetForCausalLM,
    HNetRegressor,
)
from tests.estimators.of_numbers import ClassifierOfNumbers, EmbedderOfNumbers, RegressorOfNumbers

VERSION = "1.9"
pytestmark = pytest.mark.skipif(
    not sklearn.__version__.startswith(f"{VERSION}."), reason=f"the lists are of {VERSION}"
)

ROUNDING = (
    "rows are compared to 1e-7; in float32 a row differs by as much with what else is in its batch"
)
#: May fail, and passes where the sums happen to be rounded alike.
ROUNDED = {
    "check_methods_sample_order_invariance": ROUNDING,
    "check_methods_subset_invariance": ROUNDING,
}
ONE_STEP = {"check_classifiers_train": "one epoch of three steps learns no task to 83%"}

EVERY = """
    array_api_input complex_data dict_unchanged do_not_raise_errors_in_init_or_set_params
    dont_overwrite_parameters dtype_object estimator_cloneable estimator_repr estimator_sparse_array
    estimator_sparse_matrix estimator_sparse_tag estimator_tags_renamed estimators_dtypes
    estimators_empty_data_messages estimators_fit_returns_self estimators_nan_inf
    estimators_overwrite_params estimators_pickle estimators_pickle estimators_unfitted
    f_contiguous_array_estimator fit1d fit2d_1feature fit2d_1sample fit2d_predict1d
    fit_check_is_fitted fit_idempotent fit_score_takes_y get_params_invariance
    methods_sample_order_invariance methods_subset_invariance mixin_order n_features_in
    n_features_in_after_fitting no_attributes_set_in_init parameters_default_constructible
    pipeline_consistency positive_only_tag_during_fit readonly_memmap_input set_params
    valid_tag_types
"""
OF_EMBEDDER = """
    transformer_data_not_an_array transformer_general transformer_general transformer_n_iter
    transformers_unfitted
"""
OF_BOTH_OTHERS = """
    estimators_partial_fit_n_features non_transformer_estimators_n_iter requires_y_none
    supervised_y_2d supervised_y_no_nan
"""
OF_CLASSIFIER = """
    classifier_data_not_an_array classifiers_classes classifiers_one_label
    classifiers_one_label_sample_weights classifiers_regression_target classifiers_train
    classifiers_train classifiers_train decision_proba_consistency
"""
OF_REGRESSOR = """
    regressor_data_not_an_array regressors_int regressors_no_decision_function regressors_train
    regressors_train regressors_train
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of one layer: the checks fit some hundred times."""
    config = HNetConfig.from_dict(
        {
            "arch_layout": ["m1"],
            "d_model": [64],
            "d_intermediate": [0],
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
            "attn_cfg": {"num_heads": [], "rotary_emb_dim": [], "window_size": []},
        }
    )
    model = HNetForCausalLM(config)
    model.metadata["modality"] = "dna"
    folder: Path = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(folder)
    return f"{folder}"


def names(*lists: str) -> Counter[str]:
    return Counter(f"check_{name}" for own in lists for name in own.split())


def check(estimator: BaseEstimator, expected: dict[str, str], listed: Counter[str]) -> None:
    """What fails is expected to, and all that is listed was run, and nothing else."""
    done = check_estimator(
        estimator, expected_failed_checks=ROUNDED | expected, on_fail=None, on_skip=None
    )
    failed = {each["check_name"]: each["exception"] for each in done if each["status"] == "failed"}
    assert not failed
    assert {each["check_name"] for each in done if each["status"] == "skipped"} <= {
        "check_array_api_input"  # unless the environment asks for it
    }
    missed = {each["check_name"] for each in done if each["status"] == "xfail"}
    assert missed <= ROUNDED.keys() | expected.keys()
    assert expected.keys() <= missed
    assert Counter(each["check_name"] for each in done) == listed


def test_those_of_a_transformer(tiny: str) -> None:
    check(EmbedderOfNumbers(tiny, pooling="bases"), {}, names(EVERY, OF_EMBEDDER))


def test_those_of_a_frozen_classifier(tiny: str) -> None:
    listed = names(EVERY, OF_BOTH_OTHERS, OF_CLASSIFIER)
    check(ClassifierOfNumbers(tiny, pooling="bases"), {}, listed)


def test_those_of_a_frozen_regressor(tiny: str) -> None:
    listed = names(EVERY, OF_BOTH_OTHERS, OF_REGRESSOR)
    check(RegressorOfNumbers(tiny, pooling="bases"), {}, listed)


def test_those_of_a_finetuned_classifier(tiny: str) -> None:
    once = FinetuneConfig(epochs=1, validation_fraction=0)
    tuned = ClassifierOfNumbers(tiny, pooling="bases", training="finetuned", finetuning=once)
    check(tuned, ONE_STEP, names(EVERY, OF_BOTH_OTHERS, OF_CLASSIFIER))


@pytest.mark.parametrize("kind", [HNetEmbedder, HNetClassifier, HNetRegressor])
def test_the_tags_say_strings_which_scikit_learn_does_not_check(kind: Any) -> None:
    tags = get_tags(kind()).input_tags
    assert (tags.string, tags.one_d_array, tags.two_d_array) == (True, True, False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (only,) = check_estimator(kind(), on_skip=None)
    assert only["check_name"] == "check_estimator_cloneable"
