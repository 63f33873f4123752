"""Drawn splits keep together what belongs together, and give every class its share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hnet_seq.evidence.similarity import similarity_groups as similarity
from hnet_seq.evidence.similarity.near_duplicates import near_duplicates
from hnet_seq.evidence.similarity.similarity_groups import similarity_groups
from hnet_seq.tasks.classification.labelled_rows import Columns, GroupRule
from hnet_seq.tasks.classification.task import Task, task_from_data
from hnet_seq.train.grouped_draw import draw_groups, linked
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError

GENES = GroupRule.parse("gene")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 sequences of 60 genes; the rarer class is a fifth; some stand twice, or in reverse."""
    generator = np.random.default_rng(0)
    lines = ["gene,label,split,sequence"]
    for index in range(300):
        letters = "".join(generator.choice(list("ACGT"), 40))
        if index % 10 == 9:
            letters = lines[-1].split(",")[3]
            if index % 20 == 9:
                letters = dna.decode(dna.reverse_complement(dna.encode(letters)))
        label = "rare" if index % 5 == 0 else "common"
        lines.append(f"g{generator.integers(60)},{label},all,{letters}")
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def keys(task: Task, split: str) -> set[bytes]:
    found = task.splits[split].sequences
    return {min(s.tobytes(), dna.reverse_complement(s).tobytes()) for s in found}


def shares(task: Task) -> list[float]:
    test, train = (np.bincount(task.splits[s].labels) for s in ("test", "train"))
    return (test / (test + train)).tolist()


def test_copies_and_reverse_complements_stay_on_one_side(table: Path) -> None:
    task = task_from_data(table)
    assert not keys(task, "train") & keys(task, "test")
    assert shares(task) == pytest.approx([0.2, 0.2], abs=0.02)


def test_groups_stay_on_one_side_and_classes_keep_their_shares(table: Path) -> None:
    task = task_from_data(table, Columns(group=GENES), test_fraction=0.3)
    assert task.train.groups is not None
    assert task.test.groups is not None
    assert not set(task.train.groups) & set(task.test.groups)
    assert not keys(task, "train") & keys(task, "test")
    assert task.about["split"].startswith("drawn by group, 0.3 for testing; ")


def test_a_draw_is_a_function_of_the_seed(table: Path) -> None:
    first, again, other = (task_from_data(table, seed=seed).test.names for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_given_split_is_kept_unless_another_is_asked_for(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    lines = table.read_text().splitlines()
    named = [line.replace(",all,", ",dev,", 1) for line in lines[1:51]]
    named += [line.replace(",all,", ",test,", 1) for line in lines[51:101]]
    named += [line.replace(",all,", ",train,", 1) for line in lines[101:]]
    path.write_text("\n".join([lines[0], *named]) + "\n")
    task = task_from_data(path, Columns(group=GENES))
    assert [len(split.labels) for split in task.splits.values()] == [200, 50, 50]
    assert task.train.groups is not None
    assert set(task.train.groups) <= {f"g{number}" for number in range(60)}
    drawn = task_from_data(path, rule="random")
    assert drawn.validation is None
    assert shares(drawn) == pytest.approx([0.2, 0.2], abs=0.02)
    with pytest.raises(InputError, match="no row says to which split it belongs"):
        task_from_data(table, rule="given")


def test_training_is_limited_in_the_shares_of_the_classes(table: Path) -> None:
    task, whole = task_from_data(table, limit_train=50), task_from_data(table)
    assert len(task.train.labels) == 50
    assert np.bincount(task.train.labels).tolist() == pytest.approx([40, 10], abs=1)
    assert set(task.train.names) < set(whole.train.names)
    assert task.test.names == whole.test.names
    for limit in (0, 1):
        with pytest.raises(UsageError, match="limit_train"):
            task_from_data(table, limit_train=limit)


def related(seed: int) -> list[Tokens]:
    """20 families: overlapping windows of one random stretch, some of them on the other strand."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(20):
        stretch = generator.integers(0, 4, 200).astype(np.uint8)
        for start in (0, 50, 100):
            window = stretch[start : start + 100]
            found.append(dna.reverse_complement(window) if start == 50 else window)
    return found


def test_chains_of_near_duplicates_are_one_group() -> None:
    sequences = related(0)
    groups, neighbours = similarity_groups(sequences)
    assert neighbours is None
    assert len(set(groups.tolist())) == 20
    assert all(len(set(groups[3 * family : 3 * family + 3].tolist())) == 1 for family in range(20))
    short = [np.zeros(10, np.uint8)] * 3
    assert len(set(similarity_groups(short).groups.tolist())) == 3
    assert len(similarity_groups([]).groups) == 0


def test_a_thousand_copies_are_one_group_though_words_are_sampled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(0)
    copies = [generator.integers(0, 4, 300).astype(np.uint8)] * 1000
    others = [generator.integers(0, 4, 300).astype(np.uint8) for _ in range(5)]
    monkeypatch.setattr(similarity, "_MOST_PAIRS", 10_000_000)
    groups, neighbours = similarity_groups([*copies, *others])
    assert neighbours == 128
    assert len(set(groups[:1000].tolist())) == 1
    assert len(set(groups.tolist())) == 6


def hidden_pair() -> list[Tokens]:
    """The first and the last share a third; 1,500 between them hold a fifth of a piece of it each,
    which is too little to be near either."""
    generator = np.random.default_rng(0)
    common = generator.integers(0, 4, 50).astype(np.uint8)
    sequences = [generator.integers(0, 4, 100).astype(np.uint8) for _ in range(1502)]
    for number, sequence in enumerate(sequences):
        if number in (0, 1501):
            sequence[:50] = common
        else:
            start = number % 31
            sequence[start : start + 20] = common[start : start + 20]
    return sequences


def test_a_pair_behind_many_holders_of_its_words_is_found() -> None:
    groups, neighbours = similarity_groups(hidden_pair())
    assert groups[0] == groups[-1]
    assert neighbours is None
    assert len(set(groups.tolist())) == 1501


def test_where_pairs_would_be_too_many_the_split_says_what_was_not_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(similarity, "_MOST_PAIRS", 800_000)
    monkeypatch.setattr(similarity, "_NEIGHBOURS", 32)
    path = tmp_path / "t.csv"
    lines = [f"{dna.decode(s)},{'ab'[i % 2]}" for i, s in enumerate(hidden_pair())]
    path.write_text("\n".join(["sequence,label", *lines]) + "\n")
    neighbours = similarity_groups(hidden_pair()).neighbours
    assert neighbours is not None
    assert 32 < neighbours < 1500
    said = task_from_data(path, rule="similarity").about["split"]
    assert f"where more than {neighbours} sequences hold" in said


def test_a_split_by_similarity_leaves_no_near_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = [f"{dna.decode(s)},{'ab'[i // 3 % 2]}" for i, s in enumerate(related(1))]
    path.write_text("\n".join(["sequence,label", *lines]) + "\n")
    torn = task_from_data(path, rule="random")
    assert list(near_duplicates(torn.train.sequences, torn.test.sequences))
    task = task_from_data(path, rule="similarity")
    assert not list(near_duplicates(task.train.sequences, task.test.sequences))
    assert shares(task) == pytest.approx([0.2, 0.2], abs=0.01)
    assert task.about["split"] == "drawn by similarity, 0.2 for testing; 20 groups"


def test_the_only_group_of_a_class_is_never_drawn() -> None:
    groups, classes = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 1, 1, 1])
    for seed in range(20):
        drawn = draw_groups(groups, classes, 0.4, seed)
        assert not drawn[:2].any()
        assert drawn.any()


def test_large_groups_go_to_both_sides_in_their_shares() -> None:
    groups = np.repeat(np.arange(40), np.tile([1, 9], 20))
    share = []
    for seed in range(10):
        drawn = draw_groups(groups, np.zeros_like(groups), 0.25, seed)
        share.append(np.isin(np.unique(groups[drawn]) % 2, 1).mean())
        assert drawn.mean() == pytest.approx(0.25, abs=0.02)
    assert np.mean(share) == pytest.approx(0.5, abs=0.1)


def test_items_are_linked_through_either_relation() -> None:
    assert linked(["a", "b", "b", "c"], [1, 1, 2, 3]).tolist() == [0, 0, 0, 1]


def test_folds_keep_copies_together_and_the_audit_sees_only_groups_that_were_named(
    table: Path,
) -> None:
    task = task_from_data(table, rule="similarity")
    train = task.train
    assert train.groups is None
    assert train.together is not None
    keys_of = [min(s.tobytes(), dna.reverse_complement(s).tobytes()) for s in train.sequences]
    assert len(set(keys_of)) < len(keys_of)
    together: dict[bytes, set[str]] = {}
    for key, name in zip(keys_of, train.together, strict=True):
        together.setdefault(key, set()).add(name)
    assert {len(names) for names in together.values()} == {1}
    assert task_from_data(table, Columns(group=GENES)).train.groups is not None
