"""A ``.pt`` is a pickle: it is read as data, and nothing in it runs."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from hnet_seq import HNetForCausalLM
from hnet_seq.model.torch_file import read_torch_file
from tests.conftest import make_model
from tests.model.test_pretrained import equal_states, released_pt


class Creates:
    """A pickle of it creates a file where it is read without protection."""

    def __init__(self, path: Path, how: Callable[[str], Any]) -> None:
        self.path, self.how = path, how

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        command = {os.system: f"touch {self.path}", eval: f"open({str(self.path)!r}, 'w').close()"}
        return self.how, (command.get(self.how, str(self.path)),)


HOW: dict[str, Callable[[str], Any]] = {"a shell": os.system, "eval": eval, "a folder": os.mkdir}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("place", ["beside the weights", "instead of them"])
def test_code_in_a_pickle_is_refused_and_does_not_run(tmp_path: Path, how: str, place: str) -> None:
    model = make_model("isotropic")
    trap = Creates(tmp_path / "created", HOW[how])
    file = released_pt(model, tmp_path / "some.pt")
    torch.save({**model.state_dict(), "trap": trap} if place[0] == "b" else trap, file)
    with pytest.raises(ValueError, match="refused, nothing was run") as raised:
        HNetForCausalLM.from_pretrained(file)
    assert not (tmp_path / "created").exists()
    assert "\n" not in str(raised.value)
    assert str(file) in str(raised.value)
    # The trap is a real one: without protection it springs.
    torch.load(file, weights_only=False)
    assert (tmp_path / "created").exists()


def test_a_bare_pickle_is_not_even_read(tmp_path: Path) -> None:
    file = released_pt(make_model("isotropic"), tmp_path / "some.pt")
    file.write_bytes(pickle.dumps({"trap": Creates(tmp_path / "created", os.mkdir)}))
    with pytest.raises(ValueError, match=r"not a file of torch\.save"):
        HNetForCausalLM.from_pretrained(file)
    assert not (tmp_path / "created").exists()


def test_a_protection_switched_off_in_the_environment_stays_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save({"trap": Creates(tmp_path / "created", os.mkdir)}, tmp_path / "some.pt")
    with pytest.raises(ValueError, match="refused"):
        read_torch_file(tmp_path / "some.pt")
    assert not (tmp_path / "created").exists()


@pytest.mark.parametrize("keep", [0, 3, 10, 1000, 0.5, 0.99])
def test_a_truncated_file_is_one_line_that_names_it(tmp_path: Path, keep: float) -> None:
    file = released_pt(make_model("isotropic"), tmp_path / "some.pt")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(ValueError, match=r"some\.pt: .*fetch the file again") as raised:
        HNetForCausalLM.from_pretrained(file)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>404</html>", "not a file of torch.save"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ([torch.zeros(2)], "holds a list"),
        ({}, "holds a dict"),
        ({"model": {"weight": torch.zeros(2)}, "step": 3}, "'model' is a dict"),
    ],
    ids=["html", "lfs", "list", "empty", "nested"],
)
def test_what_is_not_a_state_dict_is_named(tmp_path: Path, content: object, said: str) -> None:
    file = tmp_path / "some.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(ValueError, match=said):
        read_torch_file(file)


def test_omegaconf_beside_the_tensors_is_passed_over_without_running_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("one stage")
    state = model.state_dict()
    state["embeddings.weight"] = torch.nn.Parameter(model.embeddings.weight.detach().clone())
    state["embeddings.weight"].rates = OmegaConf.create([3.0, 2, {"a": "text"}])
    file = released_pt(model, tmp_path / "some.pt")
    torch.save(state, file)
    stream = io.BytesIO(file.read_bytes())
    with pytest.raises(pickle.UnpicklingError, match="omegaconf"):
        torch.load(stream, weights_only=True)

    def forbidden(*_: object) -> None:
        raise AssertionError("omegaconf ran")

    monkeypatch.setattr("omegaconf.ListConfig.__setstate__", forbidden, raising=False)
    loaded = HNetForCausalLM.from_pretrained(file, "cpu")
    assert equal_states(loaded, model)
    assert not hasattr(loaded.embeddings.weight, "rates")


def test_the_exception_for_omegaconf_does_not_outlive_the_call(tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    read_torch_file(released_pt(make_model("isotropic"), tmp_path / "some.pt"))
    assert set(torch.serialization.get_safe_globals()) == before
