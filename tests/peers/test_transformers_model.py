"""Models of ``transformers``: vectors and likelihoods as computed by hand from the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq.peers.files import open_checkpoint
from hnet_seq.peers.model import TransformersModel
from modalities import dna
from modalities.errors import InputError
from tests.peers.tiny import LETTERS, WORDS, gpt, library, tokenizer


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
