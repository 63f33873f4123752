"""Models of ``transformers``: vectors and likelihoods as computed by hand from the same weights."""

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
from modalities import dna
from modalities.errors import InputError, UsageError
from tests.peers.tiny import LETTERS, bert, gpt, library, tokenizer

WORDS = {**LETTERS, "ACG": 9, "TT": 10, "GATT": 11}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    library()
    top = tmp_path_factory.mktemp("peers")
    found = {
        "bert": bert(top / "bert"),
        "gpt": gpt(top / "gpt"),
        "words": gpt(top / "words", WORDS),
    }
    found["left"] = bert(top / "left", side="left")
    found["body"] = bert(top / "body", body=True)
    return {name: (top / name, model) for name, model in found.items()}


def ids_of(letters: str) -> list[int]:
    return [LETTERS.get(letter, 1) for letter in letters]


@pytest.mark.parametrize("layer", [0, 1, -1])
def test_a_vector_is_the_mean_over_the_bases_alone(
    folders: dict[str, tuple[Path, Any]], layer: int
) -> None:
    letters = "ACGTTGCANG"
    for name, around in (("bert", ([2], [3])), ("gpt", ([], []))):
        folder, model = folders[name]
        before, after = around
        ids = torch.tensor([[*before, *ids_of(letters), *after]])
        with torch.no_grad():
            states = model(ids, output_hidden_states=True).hidden_states[layer][0]
        mean = states[len(before) : len(before) + len(letters)].mean(0).numpy()
        found = TransformersModel.from_pretrained(folder, "cpu", layer=layer).embed(letters)
        np.testing.assert_allclose(found, mean[None], atol=1e-6)


def test_neither_neighbours_nor_batches_nor_the_side_of_padding_change_it(
    folders: dict[str, tuple[Path, Any]],
) -> None:
    generator = np.random.default_rng(0)
    sequences = [generator.integers(0, 4, n).astype(np.uint8) for n in (5, 30, 12, 30, 7, 1, 38)]
    for name in ("bert", "gpt"):
        folder = folders[name][0]
        alone = TransformersModel.from_pretrained(folder, "cpu", batch_tokens=1).embed(sequences)
        together = TransformersModel.from_pretrained(folder, "cpu").embed(sequences)
        np.testing.assert_allclose(alone, together, atol=1e-6)
        assert together.dtype == np.float32
    left = TransformersModel.from_pretrained(folders["left"][0], "cpu").embed(sequences)
    right = TransformersModel.from_pretrained(folders["bert"][0], "cpu").embed(sequences)
    np.testing.assert_array_equal(left, right)


def test_case_and_u_are_no_other_sequence_and_n_is_a_token_of_its_own(
    folders: dict[str, tuple[Path, Any]],
) -> None:
    model = TransformersModel.from_pretrained(folders["bert"][0], "cpu")
    same = model.embed(["ACGTTA", "acgtta", "ACGUUA"])
    np.testing.assert_array_equal(same[1:], same[:1].repeat(2, 0))
    assert not np.allclose(model.embed("ACGTTN"), same[:1])
    np.testing.assert_array_equal(model.embed("ACGTTR"), model.embed("ACGTTN"))
    both = TransformersModel.from_pretrained(folders["bert"][0], "cpu", strands="average")
    np.testing.assert_array_equal(both.embed("ACGTTA"), both.embed("TAACGT"))
    mean = model.embed(["ACGTTA", "TAACGT"]).mean(0)
    np.testing.assert_allclose(both.embed("ACGTTA")[0], mean, atol=1e-6)


def test_what_is_beyond_the_context_is_refused_or_read_in_windows(
    folders: dict[str, tuple[Path, Any]],
) -> None:
    folder, model = folders["bert"]
    long = "ACGTTGCAAC" * 9  # 90 bases; 38 fit beside [CLS] and [SEP]
    refusing = TransformersModel.from_pretrained(folder, "cpu")
    with pytest.raises(
        InputError, match=r"^b: 90 tokens, and .* takes 38; give shorter sequences, or"
    ):
        refusing.embed([("a", "ACGT"), ("b", long)])
    windows = TransformersModel.from_pretrained(folder, "cpu", overlong="windows")
    sums = np.zeros(16)
    for part in (long[:38], long[38:76], long[76:]):
        with torch.no_grad():
            ids = torch.tensor([[2, *ids_of(part), 3]])
            states = model(ids, output_hidden_states=True).hidden_states[-1][0, 1:-1]
        sums += states.double().sum(0).numpy()
    np.testing.assert_allclose(windows.embed(long)[0], sums / 90, atol=1e-6)
    # Each window of a causal model begins anew: 40 bases fit, so 3 of 90 have no context.
    causal = TransformersModel.from_pretrained(folders["gpt"][0], "cpu", overlong="windows")
    assert causal.log_likelihoods([dna.encode(long)])[0].bases == 87


def test_positions_that_begin_behind_the_padding_are_fewer(tmp_path: Path) -> None:
    """RoBERTa and its kin have no position for the padding's number and those before it."""
    tokenizer(LETTERS, around=True, limit=10**30).save_pretrained(tmp_path)
    config = library().RobertaConfig(
        vocab_size=9,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=42,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    library().RobertaForMaskedLM(config).save_pretrained(tmp_path)
    model = TransformersModel.from_pretrained(tmp_path, "cpu")
    assert model.limit == 41
    assert np.isfinite(model.embed("ACG" * 13)).all()
    with pytest.raises(InputError, match=r"40 tokens, and .* takes 39"):
        model.embed("ACGT" * 10)


def test_a_causal_models_likelihood_is_the_sum_over_its_tokens(
    folders: dict[str, tuple[Path, Any]],
) -> None:
    folder, model = folders["gpt"]
    letters = "ACGNTGCA"
    ids = torch.tensor([ids_of(letters)])
    with torch.no_grad():
        values = model(ids).logits[0].log_softmax(-1)
    known = [at for at in range(1, len(letters)) if letters[at] != "N"]
    by_hand = sum(float(values[at - 1, ids[0, at]]) for at in known)
    reader = TransformersModel.from_pretrained(folder, "cpu")
    tokens = dna.encode(letters)
    (found,) = reader.log_likelihoods([tokens])
    assert found.nats == pytest.approx(by_hand, abs=1e-5)
    assert found.bases == 6
    (rows,) = reader.base_log_probabilities([tokens])
    assert np.isnan(rows[0]).all()
    np.testing.assert_allclose(rows[1:], values[:-1, 5:9].numpy(), atol=1e-5)


def test_behind_a_token_of_the_beginning_the_first_base_is_predicted_too(tmp_path: Path) -> None:
    """So words, whatever their length, leave no base out, and pairs are compared over the same."""
    for name, words in (("one", LETTERS), ("words", WORDS)):
        model = gpt(tmp_path / name, words, around=True)
        reader = TransformersModel.from_pretrained(tmp_path / name, "cpu", overlong="windows")
        for letters in ("ACGTTAGATT", "GATTACG", "TTACGN"):
            ids = open_checkpoint(tmp_path / name).tokenizer(letters)["input_ids"]
            with torch.no_grad():
                values = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            known = [at for at in range(1, len(ids) - 1) if ids[at] != 1]
            by_hand = sum(float(values[at - 1, ids[at]]) for at in known)
            (found,) = reader.log_likelihoods([dna.encode(letters)])
            assert found.nats == pytest.approx(by_hand, abs=1e-5)
            assert found.bases == len(letters.replace("N", ""))
        if name == "one":
            (rows,) = reader.base_log_probabilities([dna.encode("ACGT")])
            with torch.no_grad():
                values = model(torch.tensor([[2, 5, 6, 7, 8, 3]])).logits[0].log_softmax(-1)
            np.testing.assert_allclose(rows, values[:4, 5:9].numpy(), atol=1e-5)
            # Each window of 38 begins anew, behind its own.
            assert reader.log_likelihoods([dna.encode("ACGTT" * 18)])[0].bases == 90


def test_a_word_that_only_some_sequences_have_is_no_row_of_a_base(tmp_path: Path) -> None:
    gpt(tmp_path, {**LETTERS, "AA": 9})
    reader = TransformersModel.from_pretrained(tmp_path, "cpu")
    assert reader.base_log_probabilities([dna.encode("ACGTACGT")])[0].shape == (8, 4)
    with pytest.raises(InputError, match="sequence 1: a token stands for several bases at base 5"):
        reader.base_log_probabilities([dna.encode("ACGT"), dna.encode("ACGTAACC")])


def test_rows_of_bases_beyond_the_context_are_refused_in_windows_too(
    folders: dict[str, tuple[Path, Any]],
) -> None:
    for name, fits in (("gpt", 40), ("bert", 38)):
        reader = TransformersModel.from_pretrained(folders[name][0], "cpu", overlong="windows")
        assert reader.base_log_probabilities([dna.encode("A" * fits)])[0].shape == (fits, 4)
        with pytest.raises(InputError, match=rf"41 tokens, and .* takes {fits}; give shorter"):
            reader.base_log_probabilities([dna.encode("A" * 41)])
        assert reader.log_likelihoods([dna.encode("A" * 41)])[0].bases >= 39


def test_words_of_several_bases_count_their_bases(folders: dict[str, tuple[Path, Any]]) -> None:
    folder, model = folders["words"]
    ids = [9, 8, 10, 5, 11]  # ACG T TT A GATT: the longest word at each place
    letters = "ACG" + "T" + "TT" + "A" + "GATT"
    pattern_ids = open_checkpoint(folder).tokenizer(letters)["input_ids"]
    with torch.no_grad():
        values = model(torch.tensor([pattern_ids])).logits[0].log_softmax(-1)
    by_hand = sum(float(values[at, token]) for at, token in enumerate(pattern_ids[1:]))
    reader = TransformersModel.from_pretrained(folder, "cpu")
    (found,) = reader.log_likelihoods([dna.encode(letters)])
    assert found.nats == pytest.approx(by_hand, abs=1e-5)
    assert found.bases == len(letters) - 3
    assert len(pattern_ids) == len(ids)
    with pytest.raises(InputError, match="words of several bases"):
        reader.base_log_probabilities([dna.encode(letters)])


def test_a_masked_model_is_asked_for_each_base_once(folders: dict[str, tuple[Path, Any]]) -> None:
    folder, model = folders["bert"]
    letters = "ACGTTGCAACGT"
    reader = TransformersModel.from_pretrained(folder, "cpu")
    (rows,) = reader.base_log_probabilities([dna.encode(letters)])
    for at in (0, 4, 11):
        ids = torch.tensor([[2, *ids_of(letters), 3]])
        ids[0, 1 + at % 7 : -1 : 7] = 4
        with torch.no_grad():
            values = model(ids).logits[0, 1 + at].log_softmax(-1)[5:9]
        np.testing.assert_allclose(rows[at], values.numpy(), atol=1e-5)
    assert reader.reads == "around"
    assert reader.log_likelihoods([dna.encode(letters)])[0].bases == len(letters)
    with pytest.raises(InputError, match="does not go on"):
        reader.continued([dna.encode("ACGT")], 3)


def test_greedy_bases_are_those_of_the_whole_computed_again(
    folders: dict[str, tuple[Path, Any]],
) -> None:
    for name in ("gpt", "words"):
        folder, model = folders[name]
        reader = TransformersModel.from_pretrained(folder, "cpu")
        (found,) = reader.continued([dna.encode("GATTACA")], 9)
        tokens = open_checkpoint(folder).tokenizer
        ids, spelled = list(tokens("GATTACA")["input_ids"]), ""
        while len(spelled) < 9:
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0, -1]
            ids.append(5 + int(logits[5:].argmax()))
            spelled += tokens.convert_ids_to_tokens(ids[-1])
        assert dna.decode(found) == spelled[:9]
    reader = TransformersModel.from_pretrained(folders["gpt"][0], "cpu")
    with pytest.raises(InputError, match="takes 40"):
        reader.continued([dna.encode("ACGT" * 9)], 9)


def test_a_body_has_vectors_and_no_likelihood(folders: dict[str, tuple[Path, Any]]) -> None:
    folder, model = folders["body"]
    reader = TransformersModel.from_pretrained(folder, "cpu")
    with torch.no_grad():
        states = model(torch.tensor([[2, 5, 6, 3]])).last_hidden_state[0, 1:3]
    np.testing.assert_allclose(reader.embed("AC")[0], states.mean(0).numpy(), atol=1e-6)
    with pytest.raises(InputError, match="no head that predicts"):
        reader.log_likelihoods([dna.encode("ACGT")])


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
