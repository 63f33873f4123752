"""`hnet-seq boundaries`: what it writes, prints and refuses."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from hnet_seq.commands import boundaries as task
from hnet_seq.report.enrichment_section import enrichment_section
from hnet_seq.report.motifs_section import motifs_section
from hnet_seq.report.stability_section import stability_section
from hnet_seq.results.analyses import Enrichment, Motifs, Stability
from hnet_seq.results.read import read_result
from hnet_seq.tasks.boundary_analysis.common import cut_genome
from hnet_seq.tasks.segment import segment
from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome
from pipelines.formats.regions import open_spans
from tests.tasks.test_segment import make_model, saved

LENGTHS = {"chr1": 3000, "chr2": 900}


@pytest.fixture(scope="module")
def model():
    return make_model(["m1", ["m1", ["m1"], "m1"], "m1"])


@pytest.fixture(scope="module")
def checkpoint(model, tmp_path_factory):
    return saved(model, tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def genome(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "genome.fa"
    letters = {name: "".join(rng.choice(list("ACGT"), n)) for name, n in LENGTHS.items()}
    path.write_text("".join(f">{name}\n{s}\n" for name, s in letters.items()))
    return path


@pytest.fixture
def genes(tmp_path):
    path = tmp_path / "genes.gff"
    rows = [("chr1", 101, 400, "+", "a"), ("chr1", 601, 900, "-", "b"), ("chr2", 11, 310, "+", "c")]
    path.write_text(
        "".join(
            f"{record}\tt\tCDS\t{start}\t{end}\t.\t{strand}\t0\tID={name}\n"
            for record, start, end, strand, name in rows
        )
    )
    return path


def run(*arguments):
    parser = argparse.ArgumentParser()
    task.add_arguments(parser)
    return task.main(parser.parse_args([*map(str, arguments), "--device", "cpu"]))


def enrich(checkpoint, genome, out, *arguments, shifts=20):
    return run("enrich", checkpoint, genome, "--out", out, "--shifts", shifts, *arguments)


def test_enrich_counts_the_sites_of_every_file(checkpoint, genome, genes, tmp_path, capsys):
    bed = tmp_path / "repeats.bed"
    bed.write_text("chr1\t50\t80\tx\t0\t-\nchr2\t40\t90\n")
    out = tmp_path / "out"
    enrich(checkpoint, genome, out, "--features", genes, "--features", bed, "--edges", "CDS")
    found = json.loads((out / "enrichment.json").read_text())
    sites = {kind["kind"]: kind["sites"] for kind in found["kinds"]}
    assert sites == {
        "start codon": 3,
        "stop codon": 3,
        "CDS 5' edge": 3,
        "CDS 3' edge": 3,
        "repeats 5' edge": 2,
        "repeats 3' edge": 2,
    }
    assert (found["bases"], len(found["shuffled_rates"])) == (sum(LENGTHS.values()), 1)
    assert found["features"] == ["genes.gff", "repeats.bed"]
    printed = capsys.readouterr().out
    assert all(kind in printed for kind in sites)
    section = enrichment_section(read_result(out / "enrichment.json", Enrichment))
    assert "repeats 5&#x27; edge" in section
    assert section.count("<polygon") == len(sites)


def test_the_boundaries_of_the_model_themselves_are_strongly_enriched(
    model, checkpoint, genome, tmp_path
):
    """Sites at the model's own boundaries: each is one; 50 bases beside them it is as elsewhere."""
    rates = {}
    for shift in (0, 50):
        lines = [
            f"{record.name}\t{place + shift}\t{place + shift + 1}\n"
            for record in segment(model, genome)
            for place in record.cuts(1).positions[1::4].tolist()
            if place + shift + 1 <= len(record.tokens)
        ]
        bed = tmp_path / f"sites{shift}.bed"
        bed.write_text("".join(lines))
        options = ("--stage", 1, "--near", 0, "--shuffles", 0, "--features", f"at={bed}")
        enrich(checkpoint, genome, tmp_path / "out", *options)
        found = json.loads((tmp_path / "out/enrichment.json").read_text())
        (kind,) = (kind for kind in found["kinds"] if kind["kind"] == "at 5' edge")
        assert kind["controls"]["shuffled"] is None
        rates[shift] = kind["observed"]["rate"]
        if shift == 0:
            assert kind["controls"]["shifted"]["ratio"] > 1.5
            assert kind["controls"]["shifted"]["p"] == pytest.approx(1 / 21, abs=1e-6)
    assert rates[0] == 1
    assert rates[50] < 0.8


def test_one_seed_gives_one_file_whatever_the_calls(checkpoint, genome, genes, tmp_path):
    texts = []
    for index, sizes in enumerate(((), ("--batch-tokens", 700))):
        out = tmp_path / f"out{index}"
        enrich(checkpoint, genome, out, "--features", genes, *sizes)
        texts.append((out / "enrichment.json").read_text())
    assert texts[0] == texts[1]
    enrich(checkpoint, genome, tmp_path / "other", "--features", genes, "--seed", 1)
    assert (tmp_path / "other/enrichment.json").read_text() != texts[0]


def test_shuffled_sequences_are_cut_by_the_model_too(model, genome):
    args = argparse.Namespace(
        left_context=100,
        seed=0,
        batch_tokens=4000,
        attention_window=None,
        cache_limit=10**9,
        stage=0,
    )
    opened = Genome(genome)
    spans = open_spans(opened, "chr1:501-1500")
    (record,) = cut_genome(model, opened, spans, args, shuffles=2)
    assert (record.start, len(record.tokens)) == (500, 1000)
    one, other = record.shuffled
    assert len(one) == len(other) == 1000
    assert one.tolist() != other.tolist() != record.mask.tolist()


@pytest.mark.parametrize(("context", "counted"), [(0, False), (1, True)])
def test_without_left_context_the_first_base_of_a_region_is_not_counted(
    model, genome, context, counted
):
    opened = Genome(genome)
    args = argparse.Namespace(
        stage=0, seed=0, left_context=context, batch_tokens=512, attention_window=None,
        cache_limit=1 << 30,
    )  # fmt: skip
    [record] = cut_genome(model, opened, open_spans(opened, "chr1:501-600"), args)
    assert record.counted.tolist() == [counted] + [True] * 99


def test_stability_writes_what_the_section_draws(checkpoint, genome, tmp_path, capsys):
    out = tmp_path / "out"
    options = ("--places", 20, "--reach", 16, "--left-context", 64)
    assert run("stability", checkpoint, genome, "--out", out, *options) == 0
    found = json.loads((out / "stability.json").read_text())
    assert [entry["edit"] for entry in found["edits"]] == ["substitution", "insertion", "deletion"]
    for entry in found["edits"]:
        left = [row for row in entry["rows"] if row["side"] == "left"]
        assert sum(row["boundaries"] for row in left) > 0
        assert all(row["share"] in (1, None) for row in left)
    assert "insertion" in capsys.readouterr().out
    section = stability_section(read_result(out / "stability.json", Stability))
    assert section.count("<figure>") == 3


def test_stability_takes_no_limit_that_it_would_not_keep(checkpoint, genome, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("stability", checkpoint, genome, "--out", tmp_path / "out", "--cache-limit", 1)
    assert "--cache-limit" in capsys.readouterr().err


def test_motifs_writes_what_the_section_draws(checkpoint, genome, tmp_path, capsys):
    motifs = tmp_path / "motifs.tsv"
    motifs.write_text("# of E. coli\ndam\tGATC\nany\tNNNN\nnever\t" + "ACGT" * 8 + "\n")
    out = tmp_path / "out"
    run("motifs", checkpoint, genome, "--motifs", motifs, "--out", out, "--no-bpe")
    found = json.loads((out / "motifs.json").read_text())
    occurrences = {motif["motif"]: motif["occurrences"] for motif in found["motifs"]}
    assert occurrences["any"] == sum(LENGTHS.values()) - 2 * 3
    assert occurrences["never"] == 0
    assert 0 < occurrences["dam"] < 60
    assert "does not occur" in capsys.readouterr().out
    section = motifs_section(read_result(out / "motifs.json", Motifs))
    assert section.count("<figure>") == 2


def test_byte_pairs_are_learned_outside_the_region(checkpoint, genome, tmp_path):
    pytest.importorskip("tokenizers")
    motifs = tmp_path / "motifs.bed"
    motifs.write_text("chr2\t10\t16\tbox\nchr2\t100\t106\tbox\n")
    out = tmp_path / "out"
    run("motifs", checkpoint, genome, "--motifs", motifs, "--out", out, "--region", "chr2")
    found = json.loads((out / "motifs.json").read_text())
    assert found["byte_pairs"]["held_out"] is True
    assert found["byte_pairs"]["trained_on"] == LENGTHS["chr1"]
    (motif,) = found["motifs"]
    assert [row["cutter"] for row in motif["rows"]] == [
        "the model",
        "byte pairs",
        "3-mers",
        "6-mers",
        "random cuts",
    ]
    assert "Byte pairs" in motifs_section(read_result(out / "motifs.json", Motifs))


BAD_FEATURES = {
    "a bad line": ("chr1\tx\tCDS\t1\n", "4 tab-separated columns|4 columns|expected"),
    "an unknown record": ("chr9\tx\tCDS\t1\t9\t.\t+\t0\tID=a\n", "no record 'chr9'"),
    "past the end": ("chr1\tx\tCDS\t2995\t3003\t.\t+\t0\tID=a\n", "beyond chr1"),
    "empty": ("", "no intervals"),
    "only comments": ("##gff-version 3\n", "no intervals"),
    "no sites": ("chr1\tx\tregion\t1\t90\t.\t+\t.\tID=a\n", "`edges`"),
    "a bad strand": ("chr1\tx\tCDS\t1\t9\t.\tx\t0\tID=a\n", "strand is 'x'"),
    "a CDS without a phase": ("chr1\tx\tCDS\t1\t9\t.\t+\t.\tID=a\n", "phase"),
    "a swapped interval": ("chr1\t90\t80\n", "swap"),
    "an interval without bases": ("chr1\t90\t90\n", "no bases"),
    "a bad strand of BED": ("chr1\t1\t9\tn\t0\tplus\n", "strand is 'plus'"),
    "a start that is no number": ("chr1\tone\t9\n", "start is 'one'"),
}


@pytest.mark.parametrize("name", BAD_FEATURES)
def test_features_that_make_no_sense_are_named_before_the_work(
    checkpoint, genome, tmp_path, monkeypatch, name
):
    monkeypatch.setattr("hnet_seq.tasks.boundary_analysis.enrich.cut_genome", None)
    content, says = BAD_FEATURES[name]
    path = tmp_path / "features"
    path.write_text(content)
    with pytest.raises(InputError, match=says) as caught:
        enrich(checkpoint, genome, tmp_path / "out", "--features", path)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "out").exists()


BAD_MOTIFS = {
    "a bad letter": ("dam\tGAXC\n", "line 1: 'X', letter 3"),
    "no pattern": ("dam\n", "line 1: found 'dam'"),
    "blanks": ("dam GATC\n", "a tab"),
    "one letter": ("a\tA\n", "one letter"),
    "twice": ("a\tAC\na\tGT\n", "line 2: 'a' is given twice"),
    "nothing": ("# none\n", "no motifs"),
    "never": ("a\t" + "ACGT" * 20 + "\n", "none of 1 motifs occurs"),
    "an unknown record": ("chr9\t1\t9\n", "no record 'chr9'"),
    "past the end": ("chr2\t1\t901\n", "beyond chr2"),
}


@pytest.mark.parametrize("name", BAD_MOTIFS)
def test_motifs_that_make_no_sense_are_named_before_the_work(
    checkpoint, genome, tmp_path, monkeypatch, name
):
    monkeypatch.setattr("hnet_seq.tasks.boundary_analysis.motifs.cut_genome", None)
    content, says = BAD_MOTIFS[name]
    path = tmp_path / "motifs"
    path.write_text(content)
    with pytest.raises(InputError, match=says) as caught:
        run(
            *("motifs", checkpoint, genome, "--motifs", path),
            *("--out", tmp_path / "out", "--no-bpe"),
        )
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--width", 0), "width"),
        (("--near", 61), "near"),
        (("--shifts", 3), "shifts"),
        (("--shuffles", -1), "shuffles"),
        (("--stage", 2), "stages 0 to 1"),
        (("--seed", -1), "seed"),
        (("--left-context", -1), "left_context"),
        (("--edges", "repeat"), "no feature is a 'repeat'"),
        (("--features", "=x"), "neither FILE nor NAME=FILE"),
    ],
)
def test_requests_that_cannot_be_meant_are_misuse(
    checkpoint, genome, genes, tmp_path, arguments, says
):
    with pytest.raises(UsageError, match=says):
        enrich(checkpoint, genome, tmp_path / "out", "--features", genes, *arguments)


def test_two_files_with_sites_of_one_name_have_to_be_told_apart(
    checkpoint, genome, genes, tmp_path
):
    twice = ("--features", genes, "--features", genes)
    with pytest.raises(UsageError, match="NAME="):
        enrich(checkpoint, genome, tmp_path / "out", *twice)


def test_a_region_without_sites_is_an_error(checkpoint, genome, genes, tmp_path):
    with pytest.raises(InputError, match="no site lies in chr1"):
        enrich(
            *(checkpoint, genome, tmp_path / "out"),
            *("--features", genes, "--region", "chr1:2001-3000"),
        )


def test_too_few_places_is_an_error(checkpoint, genome, tmp_path):
    with pytest.raises(InputError, match="`places`"):
        run(
            *("stability", checkpoint, genome, "--out", tmp_path / "out"),
            *("--places", 40, "--reach", 1490),
        )


@pytest.mark.parametrize("name", ["enrichment", "stability", "motifs"])
@pytest.mark.parametrize("content", ["[]", "{}", "not json"])
def test_files_that_are_not_what_was_written_are_named(tmp_path, name, content):
    path = tmp_path / f"{name}.json"
    path.write_text(content)
    with pytest.raises(InputError, match=f"{name}.json"):
        read_result(path)


def test_a_value_of_another_kind_is_named_by_its_place(checkpoint, genome, genes, tmp_path):
    enrich(checkpoint, genome, tmp_path, "--features", genes, "--shuffles", 0)
    path = tmp_path / "enrichment.json"
    content = json.loads(path.read_text())
    content["kinds"][0]["profile"]["rate"][3] = "high"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"kinds\[0\]\.profile: 'rate\[3\]' is"):
        read_result(path)
    del content["kinds"][0]["controls"]["context"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="no 'context'"):
        read_result(path)
