"""Classes of single bases: which are drawn, what is read of them, and what is said of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hnet_seq import embed
from hnet_seq.peers.model import TransformersModel
from hnet_seq.tasks.benchmarking import learners
from hnet_seq.tasks.benchmarking.middle import middle_vectors
from hnet_seq.tasks.benchmarking.per_base_task import PerBase
from hnet_seq.tasks.benchmarking.suite_data import read_task
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from hnet_seq.tasks.classification.task import Task
from modalities import dna
from modalities.errors import InputError
from tests.conftest import make_model
from tests.evidence.zero_shot.chains import random_bases
from tests.peers.tiny import WORDS, gpt
from tests.tasks.benchmarks import GUESSES, Oracle, run

BASES = 30_000
OWN = PerBase("g.fa", "l.bed", "last:0.3", ["a", "b"], context=21, max_train=40, max_test=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 100 bases ten are of a, ten of b on the other strand, five of both, one of c."""
    folder = tmp_path_factory.mktemp("data")
    letters = dna.decode(random_bases(BASES, 0))
    (folder / "g.fa").write_text(f">g\n{letters[:9000]}{'N' * 50}{letters[9050:]}\n")
    bed, gff = [], ["##gff-version 3", f"g\tx\tregion\t1\t{BASES}\t.\t+\t.\tID=r"]
    for at in range(0, BASES, 100):
        for name, start, end, strand in (
            *(("a", 10, 25, "+"), ("b", 20, 35, "-"), ("c", 60, 61, "+")),
            *(("a", 80, 81, "+"), ("a", 80, 81, "-")),
        ):
            bed.append(f"g\t{at + start}\t{at + end}\t{name}\t0\t{strand}")
            gff.append(f"g\tx\t{name}\t{at + start + 1}\t{at + end}\t.\t{strand}\t.\tID=x")
    gff.append("g\ty\tb\t1\t5000\t.\t+\t.\tID=y")
    (folder / "l.bed").write_text("\n".join(bed) + "\n")
    (folder / "l.gff").write_text("\n".join(gff) + "\n")
    return folder


def task(folder: Path, **changed: Any) -> Task:
    own = replace(OWN, **changed)
    return read_task(SuiteTask("t", per_base=own), folder, seed=0)


def drawn(found: Task, split: str) -> list[tuple[int, str, str, str]]:
    """Place (from 0), strand, class and letters of each."""
    own = found.splits[split]
    said = []
    for name, label, tokens in zip(own.names, own.labels, own.sequences, strict=True):
        place, _, strand = name.removeprefix("g:").partition("(")
        letters = dna.decode(tokens)
        said.append((int(place) - 1, strand[0], found.classes[label], letters))
    return said


def test_what_covers_a_base_is_its_class_and_windows_share_none(folder: Path) -> None:
    genome = (folder / "g.fa").read_text().splitlines()[1]
    found = task(folder, other="none")
    everywhere = []
    for split, most in (("train", 40), ("test", 30)):
        own = drawn(found, split)
        counts = {label: [each[2] for each in own].count(label) for label in found.classes}
        assert counts == dict.fromkeys(("a", "b", "none"), most)
        for place, strand, label, letters in own:
            at = place % 100
            said = "a" if 10 <= at < 20 else "b" if 25 <= at < 35 else "none"
            assert label == said
            assert not 20 <= at < 25, "of two classes"
            assert at not in (60, 80), "of another class, or of two strands"
            if label != "none":
                assert strand == ("+" if label == "a" else "-")
            around = genome[place - 10 : place + 11]
            if strand == "-":
                around = dna.decode(dna.reverse_complement(dna.encode(around)))
            assert letters == around
            assert "N" not in letters
            assert (place + 10 < BASES * 0.7) == (split == "train")
        everywhere += [each[0] for each in own]
    assert np.diff(sorted(everywhere)).min() >= 21
    assert {each[1] for each in drawn(found, "train") if each[2] == "none"} == {"+", "-"}
    assert found.middle
    again = task(folder, other="none")
    assert again.fingerprint() == found.fingerprint()
    assert replace(found, middle=False).fingerprint() != found.fingerprint()


def test_an_annotation_says_it_by_type_and_source(folder: Path) -> None:
    of_bed = task(folder, other="none")
    of_gff = task(folder, other="none", labels="l.gff", sources=["x"])
    assert drawn(of_gff, "train") == drawn(of_bed, "train")
    torn = task(folder, other="none", labels="l.gff")  # where both rows are read
    assert not [each for each in drawn(torn, "train") if each[0] < 5000 and each[2] == "a"]


def test_labels_without_strands_leave_none_to_tell_the_class_by(folder: Path) -> None:
    rows = (folder / "l.bed").read_text().splitlines()
    (folder / "plain.bed").write_text("".join(f"{row.rsplit(chr(9), 2)[0]}\n" for row in rows))
    found = drawn(task(folder, other="none", labels="plain.bed"), "train")
    assert {each[1] for each in found} == {"+"}
    assert {each[2] for each in found} == {"a", "b", "none"}


def test_what_lies_near_is_on_one_side_of_a_fold(folder: Path) -> None:
    found = task(folder, other="none")
    for own in found.splits.values():
        places = [int(name.removeprefix("g:").partition("(")[0]) - 1 for name in own.names]
        assert own.together == [f"g:{place // 10_000}" for place in places]
    assert "in 1 stretch of 10 kb" in found.about["split"]
    assert "in 2 stretches of 10 kb" in task(folder, test_region="last:0.5").about["split"]


def test_letters_are_those_around_the_base(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learners, "MOST_POSITIONS", 12)
    found = task(folder)
    own = learners.learner_of(learners.LETTERS, found, GUESSES, folder, both_strands=False)
    middle = np.array([tokens[5:16] for tokens in found.train.sequences])
    assert isinstance(own.train, np.ndarray)
    np.testing.assert_array_equal(own.train.reshape(len(middle), 11, 4).argmax(2), middle)
    name = learners.name_of(learners.LETTERS, found, GUESSES, both_strands=False)
    assert name == "letters of the middle 11 positions"
    whole = replace(found, middle=False)
    name = learners.name_of(learners.LETTERS, whole, GUESSES, both_strands=False)
    assert name == "letters by position"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"classes": ["a", "z"]}, "l.bed: no base of 'z' is in train with 21 known bases"),
        ({"test_region": "last:2"}, "t of the suite: test_region last:2"),
        ({"test_region": "records:h"}, "t of the suite: test_region records:h"),
        ({"context": 29_999}, "t of the suite: test_region last:0.3: leaves no bases"),
        ({"labels": "g.fa"}, "g.fa: whole file: no features; is it GFF3?"),
        ({"labels": "l.gff", "sources": ["z"]}, "l.gff: has no row of z; it has x, y"),
        ({"labels": "odd.bed"}, "odd.bed: line 2"),
        ({"classes": [], "labels": "one.bed"}, "one.bed: names one class, ['a']"),
        (
            {"classes": [], "other": "x", "labels": "three.bed"},
            "three.bed: has rows without a name",
        ),
        ({"sources": ["x"]}, "l.bed: is BED, whose rows have no source"),
        (
            {"classes": [], "other": "c"},
            "l.bed: has rows of 'c'; name other in the suite otherwise",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_line(folder: Path, changed: Any, said: str) -> None:
    (folder / "odd.bed").write_text("g\t1\t5\ta\ng\t10\tx\tb\n")
    (folder / "three.bed").write_text("g\t1\t5\n")
    (folder / "one.bed").write_text("g\t1\t5\ta\n")
    with pytest.raises(InputError) as told:
        task(folder, **changed)
    assert said in f"{told.value}"
    assert "\n" not in f"{told.value}"


def test_the_vector_of_a_base_is_its_own(folder: Path) -> None:
    """Of a causal model that of the last base before which nothing is cut off."""
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    sequences = task(folder).train.sequences[:5]
    found = middle_vectors(model, sequences, "none", 64, "cpu")
    before = embed(model, [each[:11] for each in sequences], pooling="last", device="cpu")
    torch.testing.assert_close(torch.from_numpy(found), torch.from_numpy(before))
    other = [dna.reverse_complement(each) for each in sequences]
    both = (found + middle_vectors(model, other, "none", 64, "cpu")) / 2
    average = middle_vectors(model, sequences, "average", 64, "cpu")
    torch.testing.assert_close(torch.from_numpy(average), torch.from_numpy(both))


def test_of_words_of_a_peer_it_is_the_one_that_holds_the_base(tmp_path: Path) -> None:
    gpt(tmp_path, WORDS)
    peer = TransformersModel.from_pretrained(tmp_path, "cpu")
    letters = dna.decode(random_bases(21, 3))
    whole = peer.embed_middle([letters])
    changed = {  # a causal model has read what stands before it, and nothing behind
        at: not np.allclose(peer.embed_middle([_other(letters, at)]), whole, atol=1e-6)
        for at in (0, 10, 20)
    }
    assert changed == {0: True, 10: True, 20: False}
    assert whole.shape == peer.embed([letters]).shape


def test_a_base_whose_context_is_no_call_is_refused_in_windows_too(tmp_path: Path) -> None:
    gpt(tmp_path, WORDS)
    peer = TransformersModel.from_pretrained(tmp_path, "cpu", overlong="windows")
    letters = dna.decode(random_bases(2001, 3))
    assert peer.embed([letters]).shape[0] == 1
    with pytest.raises(InputError, match="give shorter sequences"):
        peer.embed_middle([letters])


def _other(letters: str, at: int) -> str:
    return letters[:at] + "ACGT"["ACGT".index(letters[at]) - 1] + letters[at + 1 :]


@dataclass(frozen=True)
class OfBases(Oracle):
    """Knows the class of a base, and is asked of nothing else."""

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        raise AssertionError("of sequences")

    def embed_middle(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        return Oracle.embed(self, sequences)


def test_models_of_bases_are_called_what_they_are(folder: Path, tmp_path: Path) -> None:
    own = SuiteTask("bases", per_base=replace(OWN, max_train=100, max_test=60), metric="auprc")
    read = read_task(own, folder, seed=0)
    known = {
        dna.decode(tokens): int(label)
        for split in read.splits.values()
        for tokens, label in zip(split.sequences, split.labels, strict=True)
    }
    knows = OfBases("knows", 0, known, OfBases("untrained", 100))
    found = run(knows, folder, [own], tmp_path / "o", shots=())
    assert found is not None
    (of_task,) = found.tasks
    assert [each["word"] for each in of_task["verdicts"]] == ["beyond"]
    rows = {row["predictor"]: row for row in of_task["rows"]}
    assert rows["model"]["metrics"]["auprc"] == pytest.approx(1.0)
    assert {"twin", "words", "letters", "composition"} <= set(rows)
    guesses = run(OfBases("guesses", 100, {}, None), folder, [own], tmp_path / "g", shots=())
    assert guesses is not None
    assert [each["word"] for each in guesses.tasks[0]["verdicts"]] == ["chance"]
    with pytest.raises(InputError, match="gives no vector of a base; leave per_base tasks out"):
        run(GUESSES, folder, [own], tmp_path / "v", shots=())
