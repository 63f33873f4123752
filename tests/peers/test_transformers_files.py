"""Which files of a transformers checkpoint are opened, and which are refused."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq.peers.files import open_checkpoint
from hnet_seq.peers.model import TransformersModel
from modalities.errors import InputError, UsageError
from tests.peers.tiny import LETTERS, gpt, library


def changed(folder: Path, into: Path, file: str, **values: Any) -> Path:
    into.mkdir()
    for path in folder.iterdir():
        (into / path.name).write_bytes(path.read_bytes())
    content = json.loads((into / file).read_text()) | values
    (into / file).write_text(json.dumps(content))
    return into


class Runs:
    """A pickle that leaves a file behind where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_code_is_never_run_and_weights_must_fill_the_model(
    folders: dict[str, tuple[Path, Any]], tmp_path: Path
) -> None:
    bert_folder, gpt_folder = folders["bert"][0], folders["gpt"][0]
    code = {"AutoModel": "modeling_own.OwnModel"}
    for file in ("config.json", "tokenizer_config.json"):
        own = changed(bert_folder, tmp_path / file, file, auto_map=code)
        (own / "modeling_own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
        with pytest.raises(InputError, match=rf"{file}: its 'auto_map' names code"):
            open_checkpoint(own)
    pickled = changed(gpt_folder, tmp_path / "pickled", "config.json")
    (pickled / "model.safetensors").unlink()
    with (pickled / "pytorch_model.bin").open("wb") as out:
        pickle.dump({"transformer.wte.weight": Runs(tmp_path / "ran")}, out)
    with pytest.raises(InputError, match="would run code; save them as safetensors"):
        open_checkpoint(pickled)
    assert not (tmp_path / "ran").exists()
    for value in ("someone/some-kernel", "paged|a/b@main:f", "flash_attention_2", {"": "a/b"}):
        for number, key in enumerate(("_attn_implementation", "attn_implementation")):
            fetched = tmp_path / f"kernels{number}"
            own = changed(bert_folder, fetched, "config.json", **{key: value})
            with pytest.raises(InputError, match=r"kernels may be fetched; take it out"):
                open_checkpoint(own)
            shutil.rmtree(fetched)
    part = {"text_config": {"_attn_implementation": "a/b"}}
    with pytest.raises(InputError, match="kernels may be fetched"):
        open_checkpoint(changed(bert_folder, tmp_path / "part", "config.json", **part))
    plain = changed(bert_folder, tmp_path / "eager", "config.json", _attn_implementation="eager")
    assert open_checkpoint(plain).kind == "masked"
    for name in ("model.safetensors", "pytorch_model.bin"):
        pointer = changed(gpt_folder, tmp_path / f"at {name}", "config.json")
        (pointer / "model.safetensors").unlink()
        (pointer / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
        with pytest.raises(InputError, match=f"{name}: a pointer of Git LFS"):
            open_checkpoint(pointer)
    more = changed(bert_folder, tmp_path / "more", "config.json", num_hidden_layers=3)
    with pytest.raises(InputError, match=r"encoder\.layer\.2.* is missing and \d+ more"):
        open_checkpoint(more)
    fewer = changed(bert_folder, tmp_path / "fewer", "config.json", num_hidden_layers=1)
    with pytest.raises(InputError, match="is left over"):
        open_checkpoint(fewer)
    cut = changed(bert_folder, tmp_path / "cut", "config.json")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:500])
    with pytest.raises(InputError, match="transformers cannot read it") as said:
        open_checkpoint(cut)
    assert "\n" not in str(said.value)


def test_weights_that_torch_reads_without_running_anything_are_read(
    folders: dict[str, tuple[Path, Any]], tmp_path: Path
) -> None:
    folder, model = folders["gpt"]
    pickled = changed(folder, tmp_path / "plain", "config.json")
    (pickled / "model.safetensors").unlink()
    torch.save(model.state_dict(), pickled / "pytorch_model.bin")
    found = TransformersModel.from_pretrained(pickled, "cpu").embed("ACGT")
    np.testing.assert_array_equal(
        found, TransformersModel.from_pretrained(folder, "cpu").embed("ACGT")
    )


def test_what_is_not_there_or_cannot_be_meant_is_one_line(
    folders: dict[str, tuple[Path, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong, said in (
        ({"layer": 3}, "layer: is 3; this model has 0 to 2"),
        ({"layer": -4}, "layer: is -4"),
        ({"strands": "both"}, "strands: is 'both'"),
        ({"overlong": "cut"}, "overlong: is 'cut'"),
        ({"batch_tokens": 0}, "batch_tokens: is 0"),
    ):
        with pytest.raises(UsageError, match=said):
            TransformersModel.from_pretrained(folders["gpt"][0], **wrong)
    with pytest.raises(FileNotFoundError, match="no folder of a transformers checkpoint"):
        open_checkpoint("nothing here")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"config\.json: missing"):
        open_checkpoint(tmp_path / "empty")
    both = changed(folders["gpt"][0], tmp_path / "both", "config.json", is_encoder_decoder=True)
    with pytest.raises(InputError, match="an encoder with a decoder"):
        open_checkpoint(both)
    full = changed(
        folders["bert"][0], tmp_path / "full", "tokenizer_config.json", model_max_length=2
    )
    with pytest.raises(InputError, match="takes 2 tokens, which leaves no room"):
        TransformersModel.from_pretrained(full, "cpu")
    none = changed(folders["gpt"][0], tmp_path / "none", "config.json")
    for file in none.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(InputError, match="no tokenizer beside the weights"):
        open_checkpoint(none)
    # A name on the hub is looked for in its cache, and the network is not there.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="owner/name"):
        open_checkpoint("owner/name")


def test_it_is_what_a_benchmark_asks_of_a_model(
    folders: dict[str, tuple[Path, Any]], tmp_path: Path
) -> None:
    folder = folders["gpt"][0]
    one = TransformersModel.from_pretrained(folder, "cpu", twin=True, name="peer")
    again = TransformersModel.from_pretrained(folder, "cpu", twin=True, name="peer")
    assert one.twin is not None
    assert again.twin is not None
    assert (one.name, one.twin.name) == ("peer", "peer, untrained twin")
    vectors, of_twin = one.embed(["ACGT", "TT"]), one.twin.embed(["ACGT", "TT"])
    assert not np.allclose(vectors, of_twin, atol=0.1)
    np.testing.assert_array_equal(again.twin.embed(["ACGT", "TT"]), of_twin)
    other = TransformersModel.from_pretrained(folder, "cpu", layer=0)
    changed_files = changed(folder, tmp_path / "other", "config.json", layer_norm_epsilon=0.01)
    elsewhere = TransformersModel.from_pretrained(changed_files, "cpu")
    prints = {one.fingerprint, one.twin.fingerprint, other.fingerprint, elsewhere.fingerprint}
    assert len(prints) == 4
    assert again.fingerprint == one.fingerprint
    assert json.loads(json.dumps(one.about)) == one.about
    assert one.twin.twin is None


def test_a_tokenizer_of_text_is_refused(
    folders: dict[str, tuple[Path, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "text"
    gpt(folder, {"the": 5, "of": 6, "and": 7, "a": 8})
    with pytest.raises(InputError, match="does not know the letters of DNA"):
        TransformersModel.from_pretrained(folder, "cpu")
    # Its letters are words too, as those of byte-level BPE are.
    several = tmp_path / "several"
    gpt(several, {**LETTERS, "\u0120the": 9, "ing": 10, "B": 11, "\u0120": 12, "<x>": 13, "of": 14})
    with pytest.raises(InputError, match=r"is none of DNA: 4 of its 8 words"):
        TransformersModel.from_pretrained(several, "cpu")
    # It knows the letters, and yet one sequence is a word that it does not know.
    lone = tmp_path / "lone"
    gpt(lone, {"A": 5, "C": 6, "G": 7, "T": 8, "ACGTACGT": 9})
    vocabulary = json.loads((lone / "tokenizer.json").read_text())
    del vocabulary["model"]["vocab"]["ACGTACGT"]
    (lone / "tokenizer.json").write_text(json.dumps(vocabulary))
    with pytest.raises(InputError, match="no word for 'ACGTACGT"):
        TransformersModel.from_pretrained(lone, "cpu").embed("ACGTACGT")


def test_lower_case_words_and_u_are_found_out(tmp_path: Path) -> None:
    library()
    gpt(tmp_path / "upper")
    gpt(tmp_path / "lower", {"a": 5, "c": 6, "g": 7, "u": 8})
    one, two = (
        TransformersModel.from_pretrained(tmp_path / name, "cpu").embed(["ACGTN", "TTGA"])
        for name in ("upper", "lower")
    )
    np.testing.assert_array_equal(one, two)
