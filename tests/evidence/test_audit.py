"""An audit names what was planted, how bad it is, and what to do; and is silent otherwise."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
import pytest

from hnet_seq.evidence.audit.task import ALL_CLEAR, Origin, audit, describe_audit
from modalities import dna
from tests.evidence.audited import examples, finding, kinds, random_letters

CLASSES = ["bad", "good"]


def alternating(count: int) -> list[int]:
    return [index % 2 for index in range(count)]


def reverse(letters: str) -> str:
    return dna.decode(dna.reverse_complement(dna.encode(letters)))


TRAIN, TEST, VALIDATION = (random_letters(200, seed) for seed in range(3))
LABELS = alternating(200)


def test_nothing_is_found_where_nothing_is() -> None:
    found, clean = audit(
        examples(TRAIN, LABELS, ids=[f"r{i}" for i in range(200)]),
        examples(TEST, LABELS, ids=[f"s{i}" for i in range(200)]),
        CLASSES,
        validation=examples(VALIDATION, LABELS, ids=[f"t{i}" for i in range(200)]),
    )
    assert found["findings"] == []
    assert describe_audit(found) == ALL_CLEAR
    assert clean.all()


def test_leaks_are_told_apart_and_their_sequences_are_not_clean() -> None:
    near = TRAIN[4][:60] + ("A" if TRAIN[4][60] != "A" else "C") + TRAIN[4][61:]
    test = [TRAIN[0], reverse(TRAIN[3]), near, TRAIN[6].lower(), *TEST[4:]]
    found, clean = audit(examples(TRAIN, LABELS), examples(test, LABELS), CLASSES)
    assert np.flatnonzero(~clean).tolist() == [0, 1, 2, 3]
    (overlap,) = found["overlaps"]
    assert (overlap["exact"], overlap["reverse_complement"], overlap["near"]) == (2, 1, 1)
    assert kinds(found)[0] == ("high", "leak")
    assert finding(found, "leak").startswith(
        "4 of 200 test sequences stand in train (2 exactly, 1 as reverse complement, 1 nearly; "
        "such as test, line 2 and train, line 2) -> "
    )


def test_a_near_leak_alone_names_its_closest_pair() -> None:
    test = [TRAIN[7][:50] + TEST[0][:70], *TEST[1:]]
    found, clean = audit(examples(TRAIN, LABELS), examples(test, LABELS), CLASSES)
    assert np.flatnonzero(~clean).tolist() == [0]
    assert "the closest, test, line 2 and train, line 9, share 33% of their words" in finding(
        found, "leak"
    )


def test_a_test_sequence_that_stands_in_validation_is_not_clean_either() -> None:
    validation = [*VALIDATION[:199], TEST[5]]
    test = [*TEST[:199], VALIDATION[0]]
    train = [*TRAIN[:199], VALIDATION[1]]
    found, clean = audit(
        examples(train, LABELS),
        examples(test, LABELS),
        CLASSES,
        validation=examples(validation, LABELS),
    )
    assert np.flatnonzero(~clean).tolist() == [5, 199]
    counts = {(o["first"], o["second"]): o["exact"] for o in found["overlaps"]}
    assert counts == {("train", "validation"): 1, ("train", "test"): 0, ("validation", "test"): 2}
    said = describe_audit(found)
    assert "2 of 200 test sequences stand in validation" in said
    assert "1 of 200 validation sequences stand in train" in said


def test_copies_inside_a_split_are_counted_once_each() -> None:
    near = TRAIN[2][10:] + "ACGTACGTAC"
    train = [*TRAIN[:195], TRAIN[0], TRAIN[0], reverse(TRAIN[1]), near, near]
    found, _ = audit(examples(train, LABELS), examples(TEST, LABELS), CLASSES)
    inside = {each["split"]: each for each in found["copies"]}
    train_copies = inside["train"]
    assert (train_copies["exact"], train_copies["reverse_complement"]) == (3, 1)
    assert train_copies["near"] == 2  # the window and what it overlaps
    assert inside["all"]["n"] == 400
    assert ("low", "copies") in kinds(found)


def test_two_labels_are_counted_as_written_and_with_the_other_strand() -> None:
    train = [*TRAIN[:198], TRAIN[0], TRAIN[1]]
    labels = [*LABELS[:198], 1, 1]  # the first is contradicted, the second confirmed
    test = [reverse(TRAIN[2]), *TEST[1:]]
    found, _ = audit(examples(train, labels), examples(test, [1, *LABELS[1:]]), CLASSES)
    conflicts = found["conflicts"]
    assert (conflicts["sequences"], conflicts["either_strand"]) == (1, 2)
    assert conflicts["example"] == [
        {"name": "train, line 2", "label": "bad"},
        {"name": "train, line 200", "label": "good"},
    ]
    assert "sequences with more than one label: 1, or 2 where" in finding(found, "labels")


def test_ids_that_repeat_are_found_inside_and_across() -> None:
    train_ids = [f"r{i}" for i in range(198)] + ["r0", "r0"]
    test_ids = ["r5", *(f"s{i}" for i in range(199))]
    found, _ = audit(
        examples(TRAIN, LABELS, ids=train_ids), examples(TEST, LABELS, ids=test_ids), CLASSES
    )
    counts = {(each["first"], each["second"]): each["repeated"] for each in found["ids"]}
    assert counts == {("train", "train"): 2, ("test", "test"): 0, ("train", "test"): 1}
    assert ("medium", "ids") in kinds(found)


@pytest.mark.parametrize(
    ("form", "rule", "pattern"),
    [
        ("gene{0}.{1}", "ids up to the last '.'", "^(.*)\\."),
        ("gene{0}#exon{1}", "ids up to the last '#'", "^(.*)#"),
        ("contig{0}:{1}", "ids up to the last ':'", "^(.*):"),
        ("locus{0}_{1}", "ids up to the last '_'", "^(.*)_"),
    ],
)
def test_relatives_on_both_sides_are_known_by_the_stems_of_their_ids(
    form: str, rule: str, pattern: str
) -> None:
    ids = [form.format(i // 4, i % 4) for i in range(400)]
    train_ids, test_ids = ids[:202], ids[202:]
    test_ids += [form.format(1000, i) for i in range(2)]
    found, clean = audit(
        examples(TRAIN + VALIDATION[:2], alternating(202), ids=train_ids),
        examples(TEST, LABELS, ids=test_ids),
        CLASSES,
    )
    shared = found["groups"][0]
    assert (shared["rule"], shared["pattern"], shared["shared"]) == (rule, pattern, 2)
    assert f"--group-by 'id:{pattern}'" in finding(found, "groups")
    assert clean.all()  # relatives are not leaks


@pytest.mark.parametrize(
    ("origin", "groups", "remedy"),
    [
        (Origin("drawn", "name"), None, "chromosome (--group-by 'name:^(.*)\\.')"),
        (Origin("similarity", "id"), None, "chromosome (--group-by 'id:^(.*)\\.')"),
        (Origin("given", "name"), None, "(--split random --group-by 'name:^(.*)\\.')"),
        (Origin("given", "id"), ["a"] * 200, "(--split random --group-by as you have it)"),
        (Origin("given", None), None, "--group-by COLUMN: give all files one column"),
    ],
)
def test_the_remedy_for_relatives_fits_the_split_and_the_column_of_ids(
    origin: Origin, groups: list[str] | None, remedy: str
) -> None:
    ids = [f"gene{i % 50}.{i}" for i in range(400)]
    found, _ = audit(
        examples(TRAIN, LABELS, ids=ids[:200], groups=groups),
        examples(TEST, LABELS, ids=ids[200:], groups=groups),
        CLASSES,
        origin=origin,
    )
    assert remedy in finding(found, "groups")


@pytest.mark.parametrize(
    ("split", "remedy", "other"),
    [
        ("given", "(--split similarity)", "split by similarity"),
        ("drawn", "(--split similarity)", "split by similarity"),
        ("similarity", "read the scores without them", "learned by heart"),
        ("windows", "the genome repeats itself there: read the scores without them", "by heart"),
    ],
)
def test_the_remedy_for_leaks_fits_the_split(
    split: Literal["given", "drawn", "similarity", "windows"], remedy: str, other: str
) -> None:
    test = examples([TRAIN[0], *TEST[1:]], LABELS)
    validation = examples([TRAIN[1], *VALIDATION[1:]], alternating(len(VALIDATION)))
    found, _ = audit(
        *(examples(TRAIN, LABELS), test, CLASSES), validation=validation, origin=Origin(split)
    )
    leaks = [each["remedy"] for each in found["findings"] if each["kind"] == "leak"]
    assert leaks[0].endswith(remedy)
    assert other in leaks[1]


def test_names_of_files_and_split_are_no_groups() -> None:
    train_ids = [f"train_{'pos' if i % 2 else 'neg'}_{i}" for i in range(200)]
    test_ids = [f"test_{'pos' if i % 2 else 'neg'}_{i}" for i in range(200)]
    found, _ = audit(
        examples(TRAIN, LABELS, ids=train_ids), examples(TEST, LABELS, ids=test_ids), CLASSES
    )
    assert found["groups"] == []


def test_groups_that_are_given_are_the_ones_looked_at() -> None:
    ids = [f"gene{i // 4}.{i % 4}" for i in range(200)]
    for test_groups, shared in ((["a", "b"], 100), (["b", "c"], 0)):
        found, _ = audit(
            examples(TRAIN, LABELS, ids=ids, groups=["a"] * 200),
            examples(TEST, LABELS, ids=ids, groups=test_groups * 100),
            CLASSES,
        )
        assert sum(each["shared"] for each in found["groups"]) == shared
        assert (("high", "groups") in kinds(found)) == (shared > 0)


def test_length_that_gives_the_label_away_is_a_shortcut() -> None:
    def cut(letters: list[str]) -> list[str]:
        # Neither longer nor shorter, but of one length: what a line through lengths cannot see.
        generator = np.random.default_rng(0)
        return [
            s[: 90 if y else generator.choice([70, 80, 100, 110])]
            for s, y in zip(letters, LABELS, strict=True)
        ]

    found, _ = audit(examples(cut(TRAIN), LABELS), examples(cut(TEST), LABELS), CLASSES)
    assert ("high", "shortcut") in kinds(found)
    said = finding(found, "shortcut")
    assert said.startswith("length alone predicts the label: MCC 1.00 inside train, 1.00 on test")
    assert "good 90" in said


def test_case_that_gives_the_label_away_in_train_only_is_told_from_one_that_does_on_test() -> None:
    lower = [s[: 60 * y].lower() + s[60 * y :] for s, y in zip(TRAIN, LABELS, strict=True)]
    plain, _ = audit(examples(lower, LABELS), examples(TEST, LABELS), CLASSES)
    said = finding(plain, "shortcut")
    assert said.startswith("letter case (the share of lower-case letters) alone predicts the label")
    assert "much better in train than on test: MCC 1.00 inside train, 0.00 on test" in said
    assert "train bad 0, good 0.5; test bad 0, good 0" in said
    both_lower = [s[: 60 * y].lower() + s[60 * y :] for s, y in zip(TEST, LABELS, strict=True)]
    both, _ = audit(examples(lower, LABELS), examples(both_lower, LABELS), CLASSES)
    assert "alone predicts the label: MCC 1.00" in finding(both, "shortcut")


def test_unknown_letters_are_counted_and_their_share_is_a_shortcut_where_it_is_one() -> None:
    some = [TRAIN[0][:100] + "N" * 10 + "RY", *TRAIN[1:]]
    found, _ = audit(examples(some, LABELS), examples(TEST, LABELS), CLASSES)
    assert kinds(found) == [("low", "letters")]
    assert "of 400 sequences 1 hold N and 1 other IUPAC codes" in finding(found, "letters")

    def masked(letters: list[str]) -> list[str]:
        return [s[: 120 - 12 * y] + "N" * 12 * y for s, y in zip(letters, LABELS, strict=True)]

    found, _ = audit(examples(masked(TRAIN), LABELS), examples(masked(TEST), LABELS), CLASSES)
    assert finding(found, "shortcut").startswith("share of N alone predicts the label: MCC 1.00")


def test_chance_in_few_sequences_is_no_shortcut() -> None:
    flagged = 0
    for seed in range(10):
        generator = np.random.default_rng(seed)
        letters = [s[: generator.integers(60, 120)] for s in random_letters(60, seed)]
        found, _ = audit(
            examples(letters[:40], alternating(40)),
            examples(letters[40:], alternating(20)),
            CLASSES,
        )
        flagged += "shortcut" in [kind for _, kind in kinds(found)]
    assert flagged == 0


def test_class_shares_that_differ_and_rare_classes_are_named() -> None:
    labels = [int(i < 5) for i in range(200)]
    found, _ = audit(examples(TRAIN, LABELS), examples(TEST, labels), CLASSES)
    said = [each["text"] for each in found["findings"] if each["kind"] == "classes"]
    assert said == [
        "fewer than 10 test sequences of good (test: bad 195, good 5)",
        "class shares differ (train: bad 100, good 100; test: bad 195, good 5)",
        "98% of test sequences are of one class (test: bad 195, good 5)",
    ]


def test_a_class_of_one_sequence_and_an_empty_validation_are_no_obstacle() -> None:
    found, _ = audit(
        examples(TRAIN, [1, *[0] * 199]),
        examples(TEST, [0] * 200),
        CLASSES,
        validation=examples([], []),
    )
    assert list(found["splits"]) == ["train", "test"]
    assert {each["train_mcc"] for each in found["shortcuts"]} <= {None, 0.0}


def test_an_audit_is_json_the_worst_first_and_the_same_each_time() -> None:
    test = [TRAIN[0][:100], *TEST[1:150], *TEST[150:199], TEST[3]]
    one, other = (audit(examples(TRAIN, LABELS), examples(test, LABELS), CLASSES) for _ in "ab")
    assert json.loads(json.dumps(one[0])) == other[0]
    order = [each["severity"] for each in one[0]["findings"]]
    assert order == sorted(order, key=["high", "medium", "low"].index)
    lines = describe_audit(one[0]).splitlines()
    assert len(lines) == len(order) >= 2
    assert all(" -> " in line for line in lines)
