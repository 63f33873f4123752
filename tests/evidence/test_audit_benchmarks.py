"""What is known to be wrong with public benchmarks is found in them."""

from __future__ import annotations

import csv
import gzip
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.evidence.audit.task import Audit, Examples, audit
from hnet_seq.evidence.measures.metrics import matthews_correlation
from hnet_seq.evidence.probes.logistic import fit_logistic
from hnet_seq.evidence.probes.sequence_features import word_frequencies
from modalities import dna
from tests.evidence.audited import examples, finding, kinds

FOLDER = Path(__file__).parents[2] / "../shared/data/classification"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared benchmarks are not here")

Rows = list[dict[str, str]]


@cache
def table(name: str, every: int = 1) -> Rows:
    with gzip.open(FOLDER / f"{name}.tsv.gz", "rt") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))[::every]
    if rows[0]["split"] == "all":
        for index, row in enumerate(rows):
            row["split"] = "test" if index % 5 == 0 else "train"
    return rows


def split_of(rows: Rows, split: str, classes: list[str]) -> Examples:
    members = [row for row in rows if row["split"] == split]
    return examples(
        [row["sequence"] for row in members],
        [classes.index(row["label"]) for row in members],
        ids=[row["id"] for row in members],
    )


def audited(name: str, every: int = 1) -> tuple[Audit, np.ndarray]:
    rows = table(name, every)
    classes = sorted({row["label"] for row in rows})
    train, validation, test = (split_of(rows, s, classes) for s in ("train", "dev", "test"))
    return audit(train, test, classes, validation=validation)


def copies(found: Audit) -> int:
    return next(each["exact"] for each in found["copies"] if each["split"] == "all")


def test_ienhancer_has_strong_enhancers_of_test_in_train_and_a_case_that_betrays_train() -> None:
    found, clean = audited("ienhancer2l/data")
    assert kinds(found)[:2] == [("high", "leak"), ("high", "shortcut")]
    (overlap,) = found["overlaps"]
    assert (overlap["exact"], overlap["near"]) == (100, 4)
    rows = [row for row in table("ienhancer2l/data") if row["split"] == "test"]
    leaked = [row["label"] for row, kept in zip(rows, clean, strict=True) if not kept]
    assert leaked.count("1") >= 100
    case = next(each for each in found["shortcuts"] if each["property"] == "letter case")
    assert case["train_mcc"] is not None
    assert case["train_mcc"] > 0.25
    assert case["test_mcc"] == 0
    assert case["means"] is not None
    assert case["means"]["train"] == pytest.approx({"0": 0.56, "1": 0.25}, abs=0.01)
    assert case["means"]["test"] == {"0": 0, "1": 0}  # all upper case
    layer, _ = audited("ienhancer2l/layer2_strength")
    assert layer["overlaps"][0]["exact"] == 100


def test_uci_splice_has_letters_ids_copies_and_a_sequence_under_two_labels() -> None:
    found, _ = audited("uci_splice/data")
    assert finding(found, "letters").startswith("of 3,190 sequences 11 hold N and 4 other")
    assert copies(found) == 185
    assert found["conflicts"]["sequences"] == found["conflicts"]["either_strand"] == 1
    assert {each["label"] for each in found["conflicts"]["example"]} == {"IE", "N"}
    assert sum(each["repeated"] for each in found["ids"]) == 12
    assert any(each["pattern"] == "^([^-]+)" for each in found["groups"])  # of one GenBank entry


def test_gue_promoters_have_15_sequences_under_both_labels() -> None:
    found, _ = audited("gue_prom300_tata/data")
    assert found["conflicts"]["sequences"] == 15
    pairs = {(each["first"], each["second"]) for each in found["overlaps"] if each["exact"]}
    assert pairs == {("train", "validation"), ("train", "test")}
    assert found["groups"] == []


def test_gue_yeast_h3_has_no_copies_but_windows_that_overlap() -> None:
    found, clean = audited("gue_yeast_H3/data")
    (overlap,) = found["overlaps"]
    assert (overlap["exact"], overlap["reverse_complement"], overlap["near"]) == (0, 0, 153)
    assert int((~clean).sum()) == 153


def test_exons_and_introns_of_one_transcript_are_on_both_sides() -> None:
    found, _ = audited("korf_celegans_exon_intron/data", 4)
    assert ("high", "groups") in kinds(found)
    transcripts, *coarser = [each for each in found["groups"] if each["second"] == "test"]
    assert transcripts["pattern"] == "^(.*)#"
    assert all(each["shared"] >= transcripts["shared"] for each in coarser)
    assert transcripts["shared"] > 100
    assert finding(found, "shortcut").startswith("length alone predicts the label")


def test_features_that_see_case_shine_on_a_split_of_train_and_fail_on_test() -> None:
    """Of iEnhancer: the shortcut is there to be learned, and the default path cannot see it."""
    rows = table("ienhancer2l/data")
    labels = np.array([int(row["label"]) for row in rows])
    is_test = np.array([row["split"] == "test" for row in rows])
    inside = np.flatnonzero(~is_test)
    held_out, fitted = inside[::5], np.setdiff1d(inside, inside[::5])
    letters = [row["sequence"] for row in rows]
    tokens = [dna.encode(each) for each in letters]
    words = word_frequencies(tokens, 2)
    lower = np.array([[sum(map(str.islower, each)) / len(each)] for each in letters])

    def scores(features: np.ndarray) -> tuple[float, ...]:
        model = fit_logistic(features[fitted], labels[fitted], num_classes=2)
        return tuple(
            matthews_correlation(model.predict_proba(features[part]).argmax(1), labels[part], 2)
            for part in (held_out, np.flatnonzero(is_test))
        )

    in_train, on_test = scores(lower)
    assert in_train > 0.25
    assert on_test == 0
    # Beside the letters case lifts the score inside train, and costs on test.
    with_case, without = scores(np.concatenate([words, lower], 1)), scores(words)
    assert with_case[0] - with_case[1] > without[0] - without[1] + 0.1
    for each, token in zip(letters, tokens, strict=True):
        assert np.array_equal(dna.encode(each.upper()), token)
        assert np.array_equal(dna.encode(each.lower()), token)
