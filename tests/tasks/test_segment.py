"""`hnet-seq segment`: windows, BED, statistics beside it, and what it refuses."""

import argparse
import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.commands.segment import add_arguments
from hnet_seq.tasks import segment as task
from hnet_seq.tasks.segment import segment
from hnet_seq.tasks.segmentation import files as segment_files
from modalities.errors import InputError, UsageError
from pipelines.formats.regions import parse_region

ATTENTION = {"num_heads": [2, 2, 2], "rotary_emb_dim": [8, 8, 8], "window_size": [-1, -1, -1]}
LENGTHS = {"chr|1.1": 700, "chr2:a": 130, "tiny": 1, "chr3": 300}


def make_model(layout, modality="dna", seed=3):
    stages = 1
    inner = layout
    while len(inner) == 3:
        stages, inner = stages + 1, inner[1]
    model = HNetForCausalLM(
        HNetConfig.from_dict(
            {
                "arch_layout": layout,
                "d_model": [32] * stages,
                "d_intermediate": [64] * stages,
                "vocab_size": 8,
                "ssm_cfg": {"d_state": 16},
                "attn_cfg": {key: value[:stages] for key, value in ATTENTION.items()},
            }
        ),
        seed=seed,
    )
    # Fresh routers see cosines near one and never cut: turn the keys to make them decide.
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if "k_proj_layer" in name:
            weight.data = torch.randn(weight.shape, generator=generator) / 6
    if modality:
        model.metadata["modality"] = modality
    return model.eval()


@pytest.fixture(scope="module")
def model():
    return make_model(["m1", ["m1", ["T1"], "m1"], "m1"])


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(0)
    return {name: "".join(rng.choice(list("ACGT"), size=n)) for name, n in LENGTHS.items()}


@pytest.fixture
def genome(tmp_path, sequences):
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name} words\n{s}\n" for name, s in sequences.items()))
    return path


@pytest.fixture
def annotation(tmp_path):
    rows = [("chr|1.1", 11, 310, "+", "geneA"), ("chr|1.1", 351, 650, "-", "geneB")]
    path = tmp_path / "genes.gff"
    path.write_text(
        "##gff-version 3\n"
        + "".join(
            f"{record}\ttest\tCDS\t{start}\t{end}\t.\t{strand}\t0\tID={name};gene={name}\n"
            for record, start, end, strand, name in rows
        )
    )
    return path


def run(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return task.main(parser.parse_args([str(argument) for argument in arguments]))


def saved(model, tmp_path):
    folder = tmp_path / "checkpoint"
    model.save_pretrained(folder)
    return folder


def bed_rows(path):
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [(row[0], int(row[1]), int(row[2]), row[3], int(row[4]), row[5]) for row in rows]


def single_pass(model, tokens):
    """Base positions of every stage's boundaries, one position at a time."""
    with torch.inference_mode():
        boundaries = model(torch.from_numpy(tokens).long()).boundaries
    bases, stages = list(range(len(tokens))), []
    for stage in boundaries:
        bases = [base for base, cut in zip(bases, stage.boundary_mask, strict=True) if cut]
        stages.append(bases)
    return boundaries[0].boundary_prob.numpy(), stages


@pytest.mark.parametrize("batch_tokens", [100_000, 1000, 150, 64, 7])
def test_records_come_in_order_and_equal_a_single_pass_whatever_the_calls(
    model, genome, batch_tokens
):
    records = list(segment(model, genome, batch_tokens=batch_tokens))
    assert {record.name: len(record.tokens) for record in records} == LENGTHS
    assert [record.name for record in records] == list(LENGTHS)
    for record in records:
        prob, stages = single_pass(model, record.tokens)
        np.testing.assert_allclose(record.boundary_prob, prob, atol=1e-4)
        assert [record.cuts(s).positions.tolist() for s in (0, 1)] == stages
    cuts = [records[0].count(s) for s in (0, 1)]
    assert 700 > cuts[0] > cuts[1] > 1  # the model under test does cut, and not everywhere


def test_pieces_of_a_record_force_no_boundaries(model, genome):
    """A router that never wants to cut leaves one chunk a record, whatever the pieces."""
    still = make_model(["m1", ["m1", ["T1"], "m1"], "m1"])
    for name, weight in still.named_parameters():
        if "q_proj_layer" in name or "k_proj_layer" in name:
            # The cosine with a vector of zeros is 0: p is 0.5 everywhere, which is no boundary.
            weight.data = torch.zeros_like(weight)
    for record in segment(still, genome, batch_tokens=64):
        assert record.boundary_prob[0] == 1
        assert np.flatnonzero(record.depth).tolist() == [0]
        assert record.depth[0] == 2


def test_a_record_beyond_the_cache_limit_is_refused_and_a_window_lets_it_through(genome):
    inside = make_model(["m1", ["T1", ["m1"], "m1"], "m1"])
    with pytest.raises(InputError, match=r"record chr\|1\.1: .*`window`"):
        list(segment(inside, genome, batch_tokens=64, cache_limit=10))
    windowed = list(segment(inside, genome, batch_tokens=64, cache_limit=10, window=8))
    whole = list(segment(inside, genome, window=8))
    for one, other in zip(windowed, whole, strict=True):
        np.testing.assert_allclose(one.boundary_prob, other.boundary_prob, atol=1e-4)
    assert all(m.window == -1 for m in inside.modules() if hasattr(m, "window"))


def test_attention_that_no_boundary_depends_on_is_neither_computed_nor_limited(model, genome):
    """That of the model under test is innermost."""
    full = list(segment(model, genome, batch_tokens=64, cache_limit=0))
    windowed = list(segment(model, genome, batch_tokens=64, window=8))
    for one, other in zip(full, windowed, strict=True):
        assert np.array_equal(one.probs, other.probs)


@pytest.mark.parametrize("stage", [0, 1])
def test_bed_tiles_each_record_exactly(model, genome, tmp_path, capsys, stage):
    bed = tmp_path / "out.bed"
    checkpoint = saved(model, tmp_path)
    sizes = ("--batch-tokens", 128)
    assert run(checkpoint, genome, "--bed", bed, "--stage", stage, *sizes, "--device", "cpu") == 0
    rows = bed_rows(bed)
    assert list(dict.fromkeys(row[0] for row in rows)) == list(LENGTHS)
    for name, length in LENGTHS.items():
        chunks = [row for row in rows if row[0] == name]
        assert [start for _, start, *_ in chunks] == [0, *(end for _, _, end, *_ in chunks[:-1])]
        assert chunks[-1][2] == length
        assert chunks[0][4] == 1000
        assert all(500 <= score <= 1000 for *_, score, _ in chunks)
    assert {row[3:6:2] for row in rows} == {(f"stage{stage}", ".")}
    assert "peak memory" in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir() if "out.bed" in path.name] == ["out.bed"]


def test_a_region_has_the_left_context_that_the_record_has(model, genome, tmp_path):
    whole = next(segment(model, genome))
    region = next(segment(model, genome, region="chr|1.1:201-400", batch_tokens=90))
    assert (region.start, region.end) == (200, 400)
    np.testing.assert_allclose(region.boundary_prob, whole.boundary_prob[200:400], atol=1e-5)
    assert region.depth.tolist() == whole.depth[200:400].tolist()
    assert region.cuts(1).positions.min() >= 200
    bed = tmp_path / "region.bed"
    run(saved(model, tmp_path), genome, "--bed", bed, "--region", "chr|1.1:201-400")
    rows = bed_rows(bed)
    assert (rows[0][1], rows[-1][2]) == (200, 400)
    assert all(a[2] == b[1] for a, b in pairwise(rows))


@pytest.mark.parametrize("left_context", [0, 100])
def test_a_region_is_what_the_model_makes_of_it_and_of_its_left_context(
    model, genome, left_context
):
    whole = next(segment(model, genome))
    origin = 200 - left_context
    prob, stages = single_pass(model, whole.tokens[origin:400])
    region = next(segment(model, genome, region="chr|1.1:201-400", left_context=left_context))
    np.testing.assert_allclose(region.boundary_prob, prob[left_context:], atol=1e-5)
    for stage, bases in enumerate(stages):
        assert region.cuts(stage).positions.tolist() == [
            origin + base for base in bases if origin + base >= 200
        ]


def test_with_genes_the_statistics_and_a_region_lie_in_the_folder(
    model, genome, annotation, tmp_path
):
    out = tmp_path / "run"
    run(saved(model, tmp_path), genome, "--annotation", annotation, "--out", out)
    summary = json.loads((out / "boundaries.json").read_text())
    assert (summary["stage"], summary["region"]) == (0, "whole genome")
    assert summary["bases"] == sum(LENGTHS.values())
    assert summary["boundaries"] == summary["stages"][0]["boundaries"]
    assert [stage["stage"] for stage in summary["stages"]] == [0, 1]
    codon = {(row["strand"], row["position"]): row["bases"] for row in summary["codon_position"]}
    assert codon == {(strand, position): 100 for strand in "+-" for position in (1, 2, 3)}
    picture = json.loads((out / "region.json").read_text())
    assert (picture["sequence"], picture["start"], picture["end"]) == ("chr|1.1", 0, 700)
    assert [gene["name"] for gene in picture["genes"]] == ["geneA", "geneB"]
    record = next(segment(model, genome))
    assert picture["boundaries"] == record.cuts(0).positions.tolist()
    np.testing.assert_allclose(picture["boundary_prob"], record.boundary_prob, atol=1e-4)
    assert sorted(path.name for path in out.iterdir()) == ["boundaries.json", "region.json"]


def test_the_model_keeps_its_mode(model, genome):
    model.train()
    list(segment(model, genome, region="tiny"))
    assert model.training
    model.eval()


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("chr|1.1", ("chr|1.1", 0, 700)),
        ("chr|1.1:1-700", ("chr|1.1", 0, 700)),
        ("chr2:a", ("chr2:a", 0, 130)),
        ("chr2:a:5-1,0", ("chr2:a", 4, 10)),
    ],
)
def test_regions_are_one_based_inclusive_and_names_may_hold_colons(region, expected):
    assert parse_region(region, LENGTHS, "genome.fa") == expected


@pytest.mark.parametrize(
    ("region", "error", "says"),
    [
        ("chr9", InputError, "no record 'chr9'; it has chr|1.1"),
        ("chr9:1-10", InputError, "no record 'chr9'"),
        ("chr3:1-301", InputError, "1-301 is not within 1-300 of chr3"),
        ("chr3:0-10", InputError, "0-10"),
        ("chr3:20-10", InputError, "20-10"),
        ("chr3:ten-20", UsageError, "NAME:START-END"),
        ("chr3:", UsageError, "NAME:START-END"),
    ],
)
def test_an_impossible_region_is_named(model, genome, region, error, says):
    with pytest.raises(error) as caught:
        segment(model, genome, region=region)
    assert type(caught.value) is error
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"left_context": -1}, "left_context"),
        ({"batch_tokens": 0}, "batch_tokens"),
        ({"window": 0}, "window"),
    ],
)
def test_sizes_that_do_not_fit_are_misuse(model, genome, sizes, says):
    with pytest.raises(UsageError, match=says):
        segment(model, genome, **sizes)


@pytest.mark.parametrize(
    ("layout", "modality", "says"),
    [
        (["m1"], "dna", "isotropic"),
        (["m1", ["m1"], "m1"], None, "does not say"),
    ],
)
def test_a_model_that_cannot_cut_dna_is_refused_by_the_name_of_its_file(
    genome, tmp_path, layout, modality, says
):
    checkpoint = saved(make_model(layout, modality), tmp_path)
    bed = tmp_path / "out.bed"
    with pytest.raises(InputError, match=says) as caught:
        run(checkpoint, genome, "--bed", bed)
    assert str(checkpoint) in str(caught.value)
    assert not bed.exists()


def test_options_of_dna_are_refused_for_a_model_of_text(genome, tmp_path, capsys):
    checkpoint = saved(make_model(["m1", ["m1"], "m1"], "text"), tmp_path)
    bed = tmp_path / "out.bed"
    assert main(["segment", f"{checkpoint}", f"{genome}", "--bed", f"{bed}"]) == 2
    said = f"--bed: is for DNA; {checkpoint} was trained on text"
    assert said in capsys.readouterr().err
    assert not bed.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--bed", "x.bed", "--stage", 2), "stages 0 to 1; got 2"),
        (("--bed", "x.bed", "--stage", -1), "stages 0 to 1"),
        ((), "nothing to write"),
        (("--out", "folder"), "annotation"),
        (("--bed", "x.bed", "--annotation", "genes.gff"), "`out`"),
    ],
)
def test_requests_that_cannot_be_meant_are_misuse(model, genome, tmp_path, arguments, says):
    with pytest.raises(UsageError, match=says):
        run(saved(model, tmp_path), genome, *arguments)


def test_an_annotation_of_another_genome_is_refused_before_anything_is_written(
    model, genome, tmp_path
):
    gff = tmp_path / "other.gff"
    gff.write_text("##gff-version 3\nelsewhere\tx\tCDS\t1\t9\t.\t+\t0\tID=a\n")
    bed, out = tmp_path / "out.bed", tmp_path / "out"
    with pytest.raises(InputError, match=r"other\.gff"):
        run(saved(model, tmp_path), genome, "--bed", bed, "--annotation", gff, "--out", out)
    assert not bed.exists()
    assert not out.exists()


def test_an_interrupt_leaves_no_half_written_bed_and_the_same_command_goes_on(
    model, genome, tmp_path, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    def left():
        return [path.name for path in tmp_path.iterdir() if "out.bed" in path.name]

    bed, alone = tmp_path / "out.bed", tmp_path / "alone.bed"
    checkpoint = saved(model, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(segment_files, "write_bed", stop)
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint, genome, "--bed", bed)
    assert left() == ["out.bed.ranks"]  # rows that are computed wait there
    run(checkpoint, genome, "--bed", bed)
    run(checkpoint, genome, "--bed", alone)
    assert left() == ["out.bed"]
    assert bed.read_bytes() == alone.read_bytes()
