"""What ``hnet-seq audit`` looks for beside ``classify``: each fault is called what it is."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.analysis.shuffle import shuffle_dinucleotides
from hnet_seq.evidence.audit.anchored import find_places
from hnet_seq.evidence.audit.examples import Splits
from hnet_seq.evidence.audit.generated import find_generated
from hnet_seq.evidence.audit.loci import Coordinates, chains, find_loci, places_of_ids
from hnet_seq.evidence.audit.membership import found_in
from hnet_seq.evidence.audit.pool import Pool, word_counts
from hnet_seq.evidence.audit.task import audit
from hnet_seq.evidence.audit.whole import Whole, look_through
from hnet_seq.evidence.audit.whole_findings import whole_findings
from modalities import dna
from tests.evidence.audited import examples

RANDOM = np.random.default_rng(0)
CLASSES = ["no", "yes"]


def natural(count: int, seed: int, length: int = 100) -> list[str]:
    """Windows with words that come again, as genomes have and shuffles have not."""
    generator = np.random.default_rng(seed)
    words = ["".join("ACGT"[i] for i in generator.integers(4, size=5)) for _ in range(40)]
    return [
        "".join(words[i] for i in generator.integers(40, size=length // 5)) for _ in range(count)
    ]


def random(count: int, seed: int, length: int = 100) -> list[str]:
    generator = np.random.default_rng(seed)
    return ["".join("ACGT"[i] for i in generator.integers(4, size=length)) for _ in range(count)]


def shuffled(letters: list[str], seed: int = 0) -> list[str]:
    tokens = np.stack([dna.encode(each) for each in letters])
    rows = shuffle_dinucleotides(tokens, np.random.default_rng(seed))
    return [dna.DNA.decode(row) for row in rows]


def split_up(letters: list[str], labels: list[int]) -> Splits:
    """Each fourth one is tested."""
    test = [i for i in range(len(letters)) if i % 4 == 3]
    train = [i for i in range(len(letters)) if i % 4 != 3]
    return {
        "train": examples([letters[i] for i in train], [labels[i] for i in train]),
        "test": examples([letters[i] for i in test], [labels[i] for i in test]),
    }


def found_in_splits(splits: Splits) -> tuple[Whole, list[tuple[str, str, str]]]:
    base, _ = audit(splits["train"], splits["test"], CLASSES)
    whole = look_through(splits, CLASSES, base)
    return whole, [(f["severity"], f["kind"], f["text"]) for f in whole_findings(whole, base)]


def said(found: list[tuple[str, str, str]], kind: str) -> list[tuple[str, str]]:
    return [(severity, text) for severity, own, text in found if own == kind]


def labels_of(count: int) -> list[int]:
    return [i // 4 % 2 for i in range(count)]


def test_a_perfect_leak_is_called_memory() -> None:
    letters = random(300, 1)
    labels = labels_of(300)
    splits: Splits = {
        "train": examples(letters, labels),
        "test": examples(letters[:200], labels[:200]),
    }
    _, found = found_in_splits(splits)
    ((severity, text),) = said(found, "memory")
    assert severity == "high"
    assert text.startswith("every test sequence has a copy in train: the label of the closest")
    assert "has an MCC of 1.00" in text


def test_shuffled_labels_are_called_so_where_copies_tell() -> None:
    letters = random(400, 2)
    splits: Splits = {
        "train": examples(letters, RANDOM.integers(0, 2, 400).tolist()),
        "test": examples(letters[:200], RANDOM.integers(0, 2, 200).tolist()),
    }
    _, found = found_in_splits(splits)
    texts = [text for severity, text in said(found, "signal") if severity == "high"]
    assert texts[0].startswith("labels look shuffled: ")


def test_labels_that_nothing_tells_are_said_to_look_shuffled() -> None:
    letters = natural(400, 3)
    _, found = found_in_splits(split_up(letters, RANDOM.permutation(labels_of(400)).tolist()))
    ((severity, text),) = said(found, "signal")
    assert severity == "medium"
    assert text.startswith("nothing simple tells the label")
    assert text.endswith("shuffled labels look so")


def test_labels_of_test_that_were_shuffled_are_told_from_those_of_train() -> None:
    letters = [*natural(300, 4), *random(300, 5)]
    order = np.random.default_rng(6).permutation(600)
    letters, labels = [letters[i] for i in order], (order < 300).astype(int).tolist()
    splits = split_up(letters, labels)
    _, found = found_in_splits(splits)
    assert said(found, "signal") == []
    test = splits["test"]
    test.labels[:] = np.random.default_rng(7).permutation(test.labels)
    _, found = found_in_splits(splits)
    assert any(
        severity == "high" and "the labels of test look shuffled" in text
        for severity, text in said(found, "signal")
    )


@pytest.mark.parametrize("kind", ["dinucleotides", "letters", "segments"])
def test_negatives_made_from_positives_are_told(kind: str) -> None:
    positives = natural(200, 8)
    generator = np.random.default_rng(9)
    if kind == "dinucleotides":
        negatives = shuffled(positives)
    elif kind == "letters":
        negatives = ["".join(generator.permutation(list(each))) for each in positives]
    else:
        negatives = [
            f"{each[:20]}{other}{each[40:60]}{other[::-1]}{each[80:]}"
            for each, other in zip(positives, random(200, 10, 20), strict=True)
        ]
    letters = [each for pair in zip(positives, negatives, strict=True) for each in pair]
    whole, found = found_in_splits(split_up(letters, [1, 0] * 200))
    twins = {f"{each['kind']}": each for each in whole.twins}
    assert twins[kind]["opposite"] >= 190
    assert twins[kind]["expected"] < 0.6 * twins[kind]["pairs"]
    assert said(found, "negatives")[0][0] == "high"
    made = {each["label"]: each["order"] for each in whole.generated}
    assert made["yes"] is None
    if kind != "segments":
        assert made["no"] == {"letters": 0, "dinucleotides": 1}[kind]


def test_real_windows_of_two_classes_are_no_twins() -> None:
    whole, found = found_in_splits(split_up([*natural(200, 11), *natural(200, 12)], [1, 0] * 200))
    assert said(found, "negatives") == []
    assert [each["order"] for each in whole.generated] == [None, None]


def test_as_many_bases_of_each_class_are_compared() -> None:
    """A class is not natural for having more of them."""
    letters = [*natural(800, 13), *random(250, 14)]
    splits = split_up(letters, [1] * 800 + [0] * 250)
    no, yes = find_generated(Pool.of(splits, CLASSES))
    assert no["order"] == 0
    assert yes["order"] is None
    assert abs(no["n"] - yes["n"]) <= 1


def test_a_motif_at_a_place_and_a_site_are_told() -> None:
    letters = random(400, 15)
    labels = labels_of(400)
    letters = [
        f"{each[:50]}TAT{each[53:]}" if label else each
        for each, label in zip(letters, labels, strict=True)
    ]
    whole, found = found_in_splits(split_up(letters, labels))
    assert whole.places is not None
    assert whole.places["test_mcc"] > 0.9
    site, rule = said(found, "places")
    assert site[0] == rule[0] == "high"
    assert "100% of yes have TAT at base 51" in site[1]


def test_a_site_that_both_classes_have_in_train_tells_nothing() -> None:
    letters, labels = random(600, 15), labels_of(600)
    train = examples([f"ATG{each[3:]}" for each in letters[:400]], labels[:400])
    for test in (letters[400:], [f"ATG{each[3:]}" for each in letters[400:]]):
        _, found = found_in_splits({"train": train, "test": examples(test, labels[400:])})
        assert not said(found, "places")
    # Nor does one that a class has in train alone.
    own = [f"ATG{each[3:]}" if label else each for each, label in zip(letters, labels, strict=True)]
    train = examples(own[:400], labels[:400])
    _, found = found_in_splits({"train": train, "test": examples(letters[400:], labels[400:])})
    assert not said(found, "places")


def test_a_rare_class_does_not_hide_what_tells_the_others() -> None:
    letters, labels = random(400, 15), [1 + label for label in labels_of(400)]
    letters = [
        f"{each[:50]}TAT{each[53:]}" if label == 2 else each
        for each, label in zip(letters, labels, strict=True)
    ]
    labels[:10] = [0] * 10
    splits = split_up(letters, labels)
    found, _ = find_places(splits["train"], splits["test"], ["rare", "no", "yes"])
    assert found is not None
    assert found["test_mcc"] > 0.9
    assert found["site"] is not None
    assert found["site"]["label"] == "yes"
    assert find_places(splits["train"], splits["test"], ["rare", "no", "yes", "absent"])[0] == found
    few = examples(letters[:30], [0] * 15 + [1] * 15)
    assert find_places(few, splits["test"], ["rare", "no", "yes"]) == (None, None)


def test_a_motif_is_found_from_the_end_where_lengths_differ() -> None:
    generator = np.random.default_rng(16)
    letters = [each[: int(generator.integers(60, 150))] for each in random(400, 17, 150)]
    labels = labels_of(400)
    letters = [
        f"{each[:-12]}CAG{each[-9:]}" if label else each
        for each, label in zip(letters, labels, strict=True)
    ]
    whole, _ = found_in_splits(split_up(letters, labels))
    assert whole.places is not None
    assert whole.places["anchor"] == "both ends"
    assert whole.places["words"][0]["place"].endswith("from the end")
    assert whole.places["test_mcc"] > 0.9


def test_a_stretch_of_a_construct_is_told() -> None:
    letters, labels = random(400, 18), labels_of(400)
    adapter = "GATTACCAGCTTGACCGTATGC"
    letters = [
        f"{adapter}{each[22:]}" if label and i % 3 else each
        for i, (each, label) in enumerate(zip(letters, labels, strict=True))
    ]
    _, found = found_in_splits(split_up(letters, labels))
    assert said(found, "segments")[0][0] == "high"
    assert "GATTACCAGCTTGACC at base 1 " in said(found, "segments")[0][1]


def test_random_data_have_neither_twins_nor_motifs() -> None:
    whole, found = found_in_splits(split_up(random(400, 19), labels_of(400)))
    assert {kind for _, kind, _ in found} <= {"signal", "negatives"}
    assert whole.relatives[0]["found"] == 0
    assert [each["order"] for each in whole.generated] == [0, 0]


def test_words_are_counted_by_sequence() -> None:
    counts = word_counts([dna.encode(each) for each in ("ACGT", "", "AANAA", "A")], 2)
    assert counts.sum(1).tolist() == [3, 0, 2, 0]
    assert counts[2, 0] == 2


@pytest.mark.parametrize(
    ("ids", "start", "end"),
    [
        (["chr1:100-200", "chr2:5-105"], 100, 200),
        (["chr1:101-200(+)", "chr2:6-105(-)"], 100, 200),
        (["hg38_dna range=chr1:101-200 strand=+", "hg38_dna range=chr2:6-105 strand=-"], 100, 200),
        (["peak1::chr1:100-200(.)", "peak2::chr2:5-105(+)"], 100, 200),
        (["chr1_100_200", "chrUn_KI270742v1_5_105"], 100, 200),
        (["chr1:1,000,101..1,000,200", "NC_000001.11:6..105"], 1_000_100, 1_000_200),
        (["chr1_100_200_+", "chr2_5_105_-"], 100, 200),
    ],
)
def test_places_are_read_from_ids(ids: list[str], start: int, end: int) -> None:
    found = places_of_ids(ids, np.array([100, 100]))
    assert found is not None
    assert (found.names[0], found.starts[0], found.ends[0]) == ("chr1", start, end)
    assert (found.starts[1], found.ends[1]) == (5, 105)


@pytest.mark.parametrize(
    "ids", [["seq_1_17", "seq_2_93"], ["a", "b"], ["test-1-2", "test-3-4"], []]
)
def test_other_ids_are_no_places(ids: list[str]) -> None:
    assert places_of_ids(ids, np.full(len(ids), 100)) is None


def places(*rows: tuple[str, int, int]) -> Coordinates:
    names, starts, ends = zip(*rows, strict=True)
    return Coordinates(list(names), np.array(starts), np.array(ends), "ids")


def test_windows_that_overlap_are_counted_with_the_largest_overlap() -> None:
    train = places(("1", 0, 5000), ("1", 100, 200), ("2", 100, 200), ("", -1, -1))
    test = places(
        ("1", 4900, 5100), ("2", 199, 300), ("2", 200, 300), ("2", 30_000, 30_100), ("3", 0, 9)
    )
    found = find_loci("train", train, "test", test, [f"{i}" for i in range(9)])
    assert (found["overlapping"], found["within"], found["chromosomes"]) == (2, 3, 4)
    assert (found["overlap"], found["pair"]) == (100, ["0", "4"])
    assert len(set(chains(test, 0))) == 5 - 1
    assert len(set(chains(test, 10_000))) == 4


def test_the_largest_overlap_is_of_all_pairs() -> None:
    train = places(("1", 0, 100), ("1", 10, 90), ("1", 50, 130), ("1", 99, 300))
    test = places(("1", 40, 120), ("1", 8, 95), ("1", 120, 125), ("", -1, -1))
    found = find_loci("train", train, "test", test, [f"{i}" for i in range(8)])
    assert (found["overlap"], found["pair"], found["overlapping"]) == (87, ["0", "5"], 3)
    generator = np.random.default_rng(3)
    for _ in range(20):
        one, other = (
            places(
                *(("1", int(at), int(at + size)) for at, size in generator.integers(1, 99, (9, 2)))
            )
            for _ in range(2)
        )
        found = find_loci("train", one, "test", other, [f"{i}" for i in range(18)])
        every = np.minimum.outer(one.ends, other.ends) - np.maximum.outer(one.starts, other.starts)
        assert found["overlap"] == max(0, every.max())
        if found["pair"] is not None:
            i, j = map(int, found["pair"])
            assert every[i, j - 9] == found["overlap"]


def test_words_are_looked_up_on_both_strands_of_documents() -> None:
    (text,) = random(1, 20, 5000)
    sequences = [dna.encode(text[100:200]), dna.COMPLEMENT[dna.encode(text[300:420])[::-1]]]
    sequences += [dna.encode(random(1, 21)[0]), dna.encode("ACGT")]
    other = dna.encode(random(1, 22, 3000)[0])
    found = found_in(sequences, [("other", other), ("text", dna.encode(text))])
    assert found.share[:3].tolist() == [1, 1, 0]
    assert np.isnan(found.share[3])
    assert found.document.tolist() == [1, 1, -1, -1]
    assert found.names == {1: "text"}
    assert found.documents == 2


def test_the_document_with_the_most_words_is_named() -> None:
    (text,) = random(1, 20, 500)
    short = dna.encode(text[100:130])
    whole = ("whole", dna.encode(text))
    found = found_in([dna.encode(text[100:200])], [("short", short), whole, whole])
    assert found.document.tolist() == [1]
    assert found.names[1] == "whole"
