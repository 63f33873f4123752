"""Bases and bytes through the library's interface."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, DataCollatorForLanguageModeling

from hnet_seq.transformers import HNetTokenizer
from modalities import dna, text
from modalities.errors import InputError, UsageError

from ..conftest import make_model


def test_bases_of_either_case() -> None:
    tokenizer = HNetTokenizer("dna")
    ids = tokenizer("ACGTacgtuRNn")["input_ids"]
    assert ids == dna.encode("ACGTacgtuRNn").tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 3, 4, 4, 4]
    assert tokenizer.decode(ids) == "ACGTACGTTNNN"
    assert tokenizer.convert_ids_to_tokens([5, 6, 7]) == ["<begin>", "<end>", "<mask>"]
    assert len(tokenizer) == tokenizer.vocab_size == 8
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.mask_token_id) == (5, 6, 7)
    with pytest.raises(InputError, match="position 3"):
        tokenizer("AC!GT")
    with pytest.raises(InputError):
        tokenizer("<end>")


def test_all_bytes_come_back() -> None:
    tokenizer = HNetTokenizer("text")
    every = "".join(map(chr, range(0x250))) + " \t\r\n ﬁ é 漢字 🧬  <end> <begin> 0xfd \x00"
    ids = tokenizer(every)["input_ids"]
    assert ids == text.encode(every).tolist()
    assert tokenizer.decode(ids) == every
    assert tokenizer.decode(ids, skip_special_tokens=True) == every
    names = tokenizer.convert_ids_to_tokens(list(range(256)))
    assert tokenizer.convert_tokens_to_ids(names) == list(range(256))
    assert len(set(names)) == len(tokenizer) == 256
    assert tokenizer.decode([254, 65, 0xC3, 66, 255]) == "<begin>A\ufffdB<end>"
    assert tokenizer.decode([254, 65, 255], skip_special_tokens=True) == "A"
    masked = HNetTokenizer("text", mask=True)
    assert (len(masked), masked.mask_token_id) == (257, 256)


@pytest.mark.parametrize("modality", ["dna", "text", "code", "dna_bytes"])
@pytest.mark.parametrize("markers", ["none", "begin", "both"])
def test_saved_and_loaded_it_is_the_same(tmp_path: Path, modality: str, markers: str) -> None:
    tokenizer = HNetTokenizer(modality, markers=markers, padding_side="left")
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "hnet_seq"}')
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert type(again) is HNetTokenizer
    batch = ["ACGTACGTAC", "ACG"]
    for options in ({}, {"padding": True}, {"truncation": True, "max_length": 6}):
        assert again(batch, **options).data == tokenizer(batch, **options).data
    assert again.get_vocab() == tokenizer.get_vocab()
    extra = {"none": 0, "begin": 1, "both": 2}[markers]
    assert again.num_special_tokens_to_add() == extra
    cut = again(batch[0], truncation=True, max_length=6)["input_ids"]
    assert len(cut) == 6
    assert again.decode(cut, skip_special_tokens=True) == "ACGTACGTAC"[: 6 - extra]
    found = again(batch, padding=True, return_tensors="pt")
    assert found["attention_mask"].sum(1).tolist() == [10 + extra, 3 + extra]
    assert found["attention_mask"][1, 0] == 0
    assert found["input_ids"][1, 0] == again.pad_token_id


@pytest.mark.parametrize("modality", ["dna", "text"])
def test_a_checkpoint_of_ours_says_what_it_reads(tmp_path: Path, modality: str) -> None:
    model = make_model("isotropic")
    model.metadata = {"modality": modality}
    model.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.modality == modality
    model.metadata = {}
    model.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="does not say what it reads"):
        AutoTokenizer.from_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path, modality=modality).modality == modality


def test_masked_tokens_are_drawn_by_the_librarys_collator() -> None:
    tokenizer = HNetTokenizer("dna", markers="both")
    collate = DataCollatorForLanguageModeling(tokenizer, mlm=True, seed=0)
    batch = collate([tokenizer("ACGT" * 20), tokenizer("ACG" * 5)])
    chosen = batch["labels"] != -100
    assert 5 < int(chosen.sum()) < 40
    assert (batch["input_ids"][chosen] == 7).any()
    assert not chosen[batch["attention_mask"] == 0].any()


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="modality"):
        HNetTokenizer("protein")
    with pytest.raises(UsageError, match="markers"):
        HNetTokenizer("dna", markers="left")
    with pytest.raises(ValueError, match="one sequence at a time"):
        HNetTokenizer("dna")("ACG", "ACG")
    with pytest.raises(InputError, match="is no token"):
        HNetTokenizer("dna").convert_tokens_to_ids(["<end>", "E"])
