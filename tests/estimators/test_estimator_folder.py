"""An estimator on disk: whole, without pickles, and refused where it is not what was written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from hnet_seq import (
    FinetuneConfig,
    HNetClassifier,
    HNetEmbedder,
    HNetForCausalLM,
    HNetRegressor,
    InputError,
    UsageError,
)

ONCE = FinetuneConfig(epochs=1, validation_fraction=0)
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "embedder": (HNetEmbedder, {"pooling": "bases", "layer": "encoder", "strands": "average"}),
    "logistic": (HNetClassifier, {}),
    "knn": (HNetClassifier, {"probe": "knn", "random_state": np.random.RandomState(1)}),
    "svm": (HNetClassifier, {"probe": "svm", "stage": np.int64(0)}),
    "ridge": (HNetRegressor, {"pooling": "last"}),
    "finetuned": (HNetClassifier, {"training": "finetuned", "finetuning": ONCE}),
    "finetuned numbers": (HNetRegressor, {"training": "finetuned", "finetuning": ONCE}),
}


def fitted(kind: str, model: Any, sequences: list[str]) -> Any:
    cls, settings = KINDS[kind]
    y = [at % 3 for at in range(len(sequences))]
    return cls(model, device="cpu", **settings).fit(sequences, y)


def outcome(estimator: Any, sequences: list[str]) -> Any:
    name = next(n for n in ("transform", "predict_proba", "predict") if hasattr(estimator, n))
    return getattr(estimator, name)(sequences)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", ["object", "path"])
def test_what_was_saved_comes_back(
    kind: str,
    given: str,
    hnet: HNetForCausalLM,
    checkpoint: str,
    sequences: list[str],
    tmp_path: Path,
) -> None:
    own = fitted(kind, hnet if given == "object" else checkpoint, sequences)
    own.save(tmp_path / "saved")
    suffixes = {file.suffix for file in (tmp_path / "saved").rglob("*") if file.is_file()}
    assert suffixes == {".json", ".safetensors"}
    (tmp_path / "saved").rename(tmp_path / "moved")
    again = type(own).load(tmp_path / "moved")
    np.testing.assert_array_equal(outcome(again, sequences), outcome(own, sequences))
    for name, value in own.get_params().items():
        if name not in ("model", "random_state"):
            assert getattr(again, name) == value
    if hasattr(own, "classes_"):
        assert again.classes_.dtype == own.classes_.dtype
    if given == "path":
        assert again.model == checkpoint
    elif "finetuned" not in kind:  # of a fine-tuned one, what it began with is not kept
        y = [at % 3 for at in range(len(sequences))]
        refitted = clone(again).fit(sequences, y)
        np.testing.assert_array_equal(outcome(refitted, sequences), outcome(own, sequences))


@pytest.mark.parametrize(
    "names", [["b", "a"], [3, 1], [True, False], [1.0, 2.0], np.array(["x", "y"], object)]
)
def test_classes_keep_their_type(
    names: Any, hnet: HNetForCausalLM, sequences: list[str], tmp_path: Path
) -> None:
    y = np.array([names[at % 2] for at in range(40)], getattr(names, "dtype", None))
    own = HNetClassifier(hnet, probe="knn").fit(sequences, y)
    own.save(tmp_path / "saved")
    again = HNetClassifier.load(tmp_path / "saved")
    assert again.classes_.dtype == own.classes_.dtype
    assert again.predict(sequences).tolist() == own.predict(sequences).tolist()


def test_a_model_that_comes_along_is_not_copied(sequences: list[str], tmp_path: Path) -> None:
    own = HNetEmbedder(device="cpu").fit(sequences)
    own.save(tmp_path / "saved")
    assert [file.name for file in (tmp_path / "saved").iterdir()] == ["estimator.json"]
    again = HNetEmbedder.load(tmp_path / "saved", device="cpu")
    np.testing.assert_array_equal(again.transform(sequences[:3]), own.transform(sequences[:3]))
    rewritten(tmp_path / "saved", lambda about: about["shipped"].update(sha256="0" * 64))
    with pytest.raises(InputError, match="fitted on weights of genomes-tiny that this version"):
        HNetEmbedder.load(tmp_path / "saved")


def test_a_model_that_was_another_when_fitted_is_written(
    hnet: HNetForCausalLM, sequences: list[str], tmp_path: Path
) -> None:
    own = HNetEmbedder(hnet).fit(sequences)
    own.set_params(model="genomes-tiny").save(tmp_path / "saved")
    again = HNetEmbedder.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.transform(sequences), own.transform(sequences))


def rewritten(folder: Path, change: Any) -> None:
    """As one does who knows how its digest is made."""
    from hnet_seq.estimators.folder import _digest

    file = folder / "estimator.json"
    about = json.loads(file.read_text())
    del about["sha256"]
    change(about)
    file.write_text(json.dumps(about | {"sha256": _digest(about)}))


@pytest.fixture(scope="module")
def saved(
    hnet: HNetForCausalLM, sequences: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "knn"
    fitted("knn", hnet, sequences).save(folder)
    return folder


FILES = ["estimator.json", "probe.safetensors", "model/model.safetensors", "model/config.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut", "gone", "changed", "empty"])
def test_a_damaged_file_is_refused_and_named(
    name: str, damage: str, saved: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "copy"))
    file, content = folder / name, bytearray((folder / name).read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "changed":  # a digit, so that JSON stays JSON
        place = next(at for at in range(len(content) // 3, len(content)) if content[at] in b"12345")
        content[place] += 1
        file.write_bytes(content)
    else:
        file.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(InputError, match=rf"^{file}: (is damaged|no such file)"):
        HNetClassifier.load(folder)


def test_another_kind_or_version_or_folder_is_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds a HNetClassifier; load it with HNetClassifier"):
        HNetRegressor.load(saved)
    with pytest.raises(InputError, match=r"estimator.json: no such file; the method `save`"):
        HNetClassifier.load(tmp_path)
    for change, said in (
        (lambda about: about.update(format=2), "has format 2, this version reads 1"),
        (lambda about: about["parameters"].update(new=1), "is of another version"),
        (lambda about: about.pop("probe"), "no 'probe'"),
        (lambda about: about["probe"].update(kind="tree"), "is of another version"),
        (lambda about: about.update(reading={"pooling": 3}), "reading"),
        (lambda about: about["classes"].update(dtype="nonsense"), "is of another version"),
    ):
        folder = Path(shutil.copytree(saved, tmp_path / "copy", dirs_exist_ok=True))
        rewritten(folder, change)
        with pytest.raises(InputError, match=said):
            HNetClassifier.load(folder)


def test_nothing_else_is_overwritten(
    hnet: HNetForCausalLM, saved: Path, sequences: list[str], tmp_path: Path
) -> None:
    own = HNetEmbedder(hnet).fit(sequences)
    run = tmp_path / "run"
    (run / "model").mkdir(parents=True)
    (run / "model/model.safetensors").write_text("of a verb")
    with pytest.raises(UsageError, match=r"^folder: .*run holds something else"):
        own.save(run)
    assert (run / "model/model.safetensors").read_text() == "of a verb"
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"^folder: .*file is a file"):
        own.save(tmp_path / "file")
    with pytest.raises(NotFittedError):
        HNetEmbedder(hnet).save(tmp_path / "new")
    folder = Path(shutil.copytree(saved, tmp_path / "old"))
    own.save(folder)  # one of ours is replaced, whole
    assert not (folder / "probe.safetensors").exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "old", "run"]


def entries(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.mark.parametrize("name", ["notes.txt", "model/notes.txt", "own/notes.txt"])
def test_a_file_of_the_users_is_not_deleted(
    name: str, hnet: HNetForCausalLM, saved: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "old"))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("of the user")
    before = entries(folder)
    with pytest.raises(UsageError, match=r"^folder: .*old holds something else, .*; name a new"):
        HNetEmbedder(hnet).fit(["ACGT"]).save(folder)
    assert entries(folder) == before


@pytest.mark.parametrize("about", ['"not ours"', "{}", "", '{"format": 1, "sha256": "0"}'])
def test_a_folder_is_not_ours_by_the_name_of_its_file(
    about: str, hnet: HNetForCausalLM, tmp_path: Path
) -> None:
    (tmp_path / "estimator.json").write_text(about)
    with pytest.raises(UsageError, match=r"holds something else, estimator.json; name a new"):
        HNetEmbedder(hnet).fit(["ACGT"]).save(tmp_path)
    assert entries(tmp_path) == {"estimator.json": about.encode()}


@pytest.mark.parametrize("gone", ["before", "after"])
@pytest.mark.parametrize("given", ["object", "path"])
def test_a_copy_of_what_was_loaded_has_its_own_model(
    given: str,
    gone: str,
    hnet: HNetForCausalLM,
    checkpoint: str,
    sequences: list[str],
    tmp_path: Path,
) -> None:
    """However often it is saved elsewhere, and whenever the first folder is moved."""
    path = shutil.copytree(checkpoint, tmp_path / "checkpoint")
    own = HNetEmbedder(hnet if given == "object" else path).fit(sequences)
    own.save(tmp_path / "first")
    path.rename(tmp_path / "another place")
    HNetEmbedder.load(tmp_path / "first").save(tmp_path / "second")
    again = HNetEmbedder.load(tmp_path / "second") if gone == "after" else None
    (tmp_path / "first").rename(tmp_path / "moved")
    again = again or HNetEmbedder.load(tmp_path / "second")
    assert again.model == f"{tmp_path / 'second' / 'model'}"
    for refitted in (clone(again).fit(sequences), again.fit(sequences)):
        np.testing.assert_array_equal(refitted.transform(sequences), own.transform(sequences))


def test_what_has_no_form_in_json_is_told_before_anything_is_written(
    hnet: HNetForCausalLM, sequences: list[str], tmp_path: Path
) -> None:
    own = HNetEmbedder(hnet).fit(sequences).set_params(device=object())
    with pytest.raises(InputError, match=r"^device: is an object, which no JSON file holds"):
        own.save(tmp_path / "saved")
    classes = HNetClassifier(hnet, probe="knn").fit(
        sequences, np.array(["2020", "2021"] * 20, "M8[Y]")
    )
    with pytest.raises(InputError, match=r"^classes_: "):
        classes.save(tmp_path / "saved")
    assert not list(tmp_path.iterdir())
