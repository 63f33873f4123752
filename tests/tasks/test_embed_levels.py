"""Rows of chunks and bases are the model's own vectors, in order, however they were batched."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.ops import Packing
from hnet_seq.tasks.choices import LAYERS
from hnet_seq.tasks.embed import embed
from hnet_seq.tasks.embedding import plan as embed_plan
from hnet_seq.tasks.embedding.layer_choice import find_layer
from hnet_seq.tasks.embedding.layers import listening
from hnet_seq.tasks.embedding.rows import Calls, sequence_rows
from hnet_seq.tasks.embedding.vectors import CACHE_LIMIT
from modalities import dna
from modalities.base import Tokens
from modalities.errors import UsageError
from tests.conftest import make_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def hnet() -> HNetForCausalLM:
    model = make_model("two stages, MLPs outside, tied")
    model.metadata["modality"] = "dna"
    return model


@pytest.fixture(scope="module")
def sequences() -> list[Tokens]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 4, n, dtype=np.uint8) for n in (40, 1, 90, 17, 333)]


def rows_of(
    model: HNetForCausalLM,
    sequences: list[Tokens],
    layer: str,
    stage: int = -1,
    batch_tokens: int = 16384,
    strands: bool = False,
) -> list[dict[str, np.ndarray]]:
    """All rows of each sequence."""
    chosen = find_layer(model.config, layer, stage)
    complement = dna.COMPLEMENT if strands else None
    found: list[list[dict]] = [[] for _ in sequences]
    last = 0
    with torch.inference_mode(), listening(model, chosen) as placed:
        calls = Calls(model, chosen, placed, batch_tokens, CACHE_LIMIT, CPU, complement)
        for rows in sequence_rows(calls, sequences):
            assert rows.sequence >= last
            last = rows.sequence
            found[rows.sequence].append({k: v for k, v in vars(rows).items() if v is not None})
    return [
        {
            key: np.concatenate([part[key] for part in parts])
            for key in parts[0]
            if key != "sequence"
        }
        for parts in found
    ]


@pytest.mark.parametrize("stage", [0, 1])
def test_chunks_are_where_the_routers_cut_and_hold_what_the_inner_network_gave(
    hnet: HNetForCausalLM, sequences: list[Tokens], stage: int
) -> None:
    found = rows_of(hnet, sequences, "inner", stage)
    for tokens, rows in zip(sequences, found, strict=True):
        with torch.no_grad():
            out = hnet(torch.from_numpy(tokens).long())
        start, prob = np.arange(len(tokens)), np.ones(len(tokens), np.float32)
        for record in out.boundaries[: stage + 1]:
            mask = record.boundary_mask.numpy()
            start, prob = start[mask], record.boundary_prob.numpy()[mask]
        np.testing.assert_array_equal(rows["start"], start)
        np.testing.assert_array_equal(rows["end"], [*start[1:], len(tokens)])
        np.testing.assert_allclose(rows["boundary_prob"], prob, atol=1e-5)
        np.testing.assert_allclose(rows["vectors"], out.chunks[stage], atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "strands"),
    [("inner", False), ("innermost", False), ("final", False), ("final", True), ("encoder", False)],
)
def test_rows_do_not_depend_on_how_sequences_are_batched_or_cut(
    hnet: HNetForCausalLM, sequences: list[Tokens], layer: str, strands: bool
) -> None:
    whole = rows_of(hnet, sequences, layer, strands=strands)
    for batch_tokens in (50, 100):
        pieces = rows_of(hnet, sequences, layer, batch_tokens=batch_tokens, strands=strands)
        for one, other in zip(whole, pieces, strict=True):
            assert one.keys() == other.keys()
            for key in one:
                np.testing.assert_allclose(other[key], one[key], atol=1e-4)
    alone = rows_of(hnet, sequences[-1:], layer, batch_tokens=64, strands=strands)
    np.testing.assert_allclose(alone[0]["vectors"], whole[-1]["vectors"], atol=1e-4)


def test_bases_of_both_strands_are_aligned(hnet: HNetForCausalLM, sequences: list[Tokens]) -> None:
    reverse = [dna.reverse_complement(tokens) for tokens in sequences]
    one, other = (rows_of(hnet, own, "final", strands=True) for own in (sequences, reverse))
    alone = [rows_of(hnet, own, "final") for own in (sequences, reverse)]
    for index in range(len(sequences)):
        vectors = one[index]["vectors"]
        np.testing.assert_allclose(other[index]["vectors"][::-1], vectors, atol=1e-5)
        mean = (alone[0][index]["vectors"] + alone[1][index]["vectors"][::-1]) / 2
        np.testing.assert_allclose(vectors, mean, atol=1e-5)


def test_a_layer_is_what_its_module_computes(
    hnet: HNetForCausalLM, sequences: list[Tokens]
) -> None:
    tokens = sequences[2]
    heard: dict[tuple[Any, int], torch.Tensor] = {}
    outer: Any = hnet.backbone
    modules = {
        ("encoder", 0): outer.encoder,
        ("encoder", 1): outer.main_network.encoder,
        ("decoder", 1): outer.main_network.decoder,
        ("innermost", -1): outer.main_network.main_network.main_network,
    }
    handles = [
        module.register_forward_hook(lambda m, x, y, own=name: heard.update({own: y}))
        for name, module in modules.items()
    ]
    with torch.no_grad():
        hnet(torch.from_numpy(tokens).long())
    for handle in handles:
        handle.remove()
    for (layer, stage), expected in heard.items():
        rows = rows_of(hnet, [tokens], layer, stage)[0]
        np.testing.assert_allclose(rows["vectors"], expected, atol=1e-5)
    assert heard["innermost", -1].shape[1] == 128  # its own width, not that of the stage outside
    pooled = embed(hnet, [tokens], pooling="chunks", layer="innermost")
    np.testing.assert_allclose(pooled[0], heard["innermost", -1].mean(0), atol=1e-5)
    pooled = embed(hnet, [tokens], pooling="last", layer="encoder", stage=0)
    np.testing.assert_allclose(pooled[0], heard["encoder", 0][-1], atol=1e-5)


@pytest.mark.parametrize("layer", ["encoder", "innermost"])
def test_a_long_sequence_has_the_layer_of_the_whole(hnet: HNetForCausalLM, layer: str) -> None:
    tokens = np.random.default_rng(3).integers(0, 4, 700, dtype=np.uint8)
    whole = embed(hnet, [tokens], layer=layer, pooling="chunks_weighted")
    pieces = embed(hnet, [tokens], layer=layer, pooling="chunks_weighted", batch_tokens=33)
    np.testing.assert_allclose(pieces, whole, atol=1e-4)


def test_listening_leaves_no_hook_and_changes_no_result(
    hnet: HNetForCausalLM, sequences: list[Tokens]
) -> None:
    before = embed(hnet, sequences)
    for layer in LAYERS:
        pooling = "bases" if not find_layer(hnet.config, layer).resolution else "chunks"
        embed(hnet, sequences, layer=layer, pooling=pooling)
    np.testing.assert_array_equal(embed(hnet, sequences), before)
    assert not any(module._forward_hooks for module in hnet.modules())


def test_layers_that_do_not_fit_are_misuse(hnet: HNetForCausalLM) -> None:
    with pytest.raises(UsageError, match="final has a vector a base; use bases or last"):
        embed(hnet, ["ACGT"], layer="final")
    with pytest.raises(UsageError, match="inner has a vector a chunk; use chunks"):
        embed(hnet, ["ACGT"], layer="inner", pooling="last")
    with pytest.raises(UsageError, match="is 'middle'; expected one of final"):
        embed(hnet, ["ACGT"], layer="middle")
    with pytest.raises(UsageError, match="use final or innermost"):
        embed(make_model("isotropic"), ["ACGT"], layer="encoder", pooling="bases")


@pytest.fixture
def folder(hnet: HNetForCausalLM, sequences: list[Tokens], tmp_path: Path) -> Path:
    hnet.save_pretrained(tmp_path / "model")
    letters = [dna.decode(tokens) for tokens in sequences]
    (tmp_path / "in.fa").write_text("".join(f">r{i}\n{own}\n" for i, own in enumerate(letters)))
    return tmp_path


def run(folder: Path, out: str, *options: str) -> int:
    command = ["embed", str(folder / "model"), str(folder / "in.fa"), "--out", str(folder / out)]
    return main([*command, "--device", "cpu", *options])


def test_the_verb_writes_a_row_a_chunk(
    folder: Path, hnet: HNetForCausalLM, sequences: list[Tokens], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed_plan, "PART_BYTES", 4 * 64 * 100)  # several parts
    assert run(folder, "c.parquet", "--level", "chunk", "--stage", "0", "--batch-tokens", "60") == 0
    table = pq.read_table(folder / "c.parquet")
    names = ["id", "stage", "start", "end", "boundary_prob", "vector"]
    assert table.column_names == names
    expected = rows_of(hnet, sequences, "inner", 0)
    ids = [f"r{i}" for i, rows in enumerate(expected) for _ in rows["start"]]
    assert table["id"].to_pylist() == ids
    assert set(table["stage"].to_pylist()) == {0}
    for key in ("start", "end"):
        values = np.concatenate([rows[key] for rows in expected])
        np.testing.assert_array_equal(table[key].to_numpy(), values)
    vectors = np.concatenate([rows["vectors"] for rows in expected])
    np.testing.assert_allclose(table["vector"].to_pylist(), vectors, atol=1e-4)
    # The chunks of a sequence cover it.
    ends = dict(zip(ids, table["end"].to_pylist(), strict=True))
    assert list(ends.values()) == [len(tokens) for tokens in sequences]


def test_the_verb_writes_a_row_a_base_beside_their_places(
    folder: Path, hnet: HNetForCausalLM, sequences: list[Tokens]
) -> None:
    assert run(folder, "b.npy", "--level", "base", "--strands", "average") == 0
    vectors = np.load(folder / "b.npy", mmap_mode="r")
    expected = rows_of(hnet, sequences, "final", strands=True)
    np.testing.assert_allclose(
        vectors, np.concatenate([rows["vectors"] for rows in expected]), atol=1e-5
    )
    head, *lines = (folder / "b.rows.tsv").read_text().splitlines()
    assert head == "id\tposition"
    places = [f"r{i}\t{k}" for i, own in enumerate(sequences) for k in range(len(own))]
    assert lines == places
    about = json.loads((folder / "b.json").read_text())
    assert (about["rows"], about["width"]) == vectors.shape
    assert about["options"]["layer"] == "final"


def test_levels_that_cannot_be_are_misuse(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, words in (
        (("--level", "chunk", "--strands", "average"), "no counterpart"),
        (("--level", "chunk", "--pooling", "chunks"), "goes with --level sequence"),
        (("--level", "base", "--layer", "inner"), "use --level chunk"),
        (("--level", "chunk", "--layer", "final"), "use --level base"),
        (("--level", "chunk", "--stage", "2"), "stages 0 to 1"),
    ):
        assert run(folder, "x.npy", *options) == 2
        assert words in capsys.readouterr().err
    make_model("isotropic").save_pretrained(folder / "model")
    assert run(folder, "x.npy", "--level", "chunk") == 2
    assert "isotropic" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == {"model", "in.fa"}


@pytest.mark.parametrize("layer", ["encoder", "inner"])
def test_threads_that_share_a_model_get_their_own_vectors(
    hnet: HNetForCausalLM, sequences: list[Tokens], layer: str
) -> None:
    expected = [embed(hnet, [own], layer=layer, device="cpu") for own in sequences]
    encoder = hnet.backbone.encoder
    assert encoder is not None
    meeting = Barrier(2)

    def meet(module: object, inputs: object, output: object) -> None:
        meeting.wait(timeout=60)  # both are in the middle of the model

    handle = encoder.register_forward_hook(meet)
    try:
        with ThreadPoolExecutor(2) as pool:
            two = [
                pool.submit(embed, hnet, [sequences[index]], layer=layer, device="cpu")
                for index in (2, 4)
            ]
            found = [one.result() for one in two]
    finally:
        handle.remove()
    for index, vectors in zip((2, 4), found, strict=True):
        np.testing.assert_array_equal(vectors, expected[index])


def test_a_layer_is_not_heard_of_another_thread(
    hnet: HNetForCausalLM, sequences: list[Tokens]
) -> None:
    layer = find_layer(hnet.config, "encoder", 0)
    own, others = (torch.from_numpy(sequences[index]).long() for index in (2, 4))

    def call(ids: torch.Tensor) -> Any:
        with torch.inference_mode():
            return hnet.encode(ids, Packing.from_lengths([len(ids)]))

    with listening(hnet, layer) as placed:
        expected = placed(call(own)).hidden
        output = call(own)
        with ThreadPoolExecutor(1) as other:
            other.submit(call, others).result()
        assert torch.equal(placed(output).hidden, expected)
