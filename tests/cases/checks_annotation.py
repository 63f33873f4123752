"""What the rows of an annotation mean, in every verb that reads one."""

from __future__ import annotations

import json

from hnet_seq.tasks.boundary_analysis.site_files import read_sites
from hnet_seq.tasks.classification.windows import CODING, coding_and_intergenic
from pipelines.batches.shard_documents import read_documents
from pipelines.formats.genome import Genome
from pipelines.shards.manifest import SPLITS
from tests.cases.case import Case

Found = dict[str, list[str]]


def _enrich(case: Case, annotation: str, *more: str) -> tuple[Found, str]:
    """The sites of an annotation, whose numbers ``boundaries enrich`` also gives; what it said."""
    features = ["--features", str(case[annotation]), "--shuffles", "0", "--shifts", "10"]
    answer = case.right(
        "boundaries", "enrich", case.model, case["genome.fa"], *features, *more, "--out", case.out
    )
    edges = more[1].split(",") if more else []
    by_record = read_sites([str(case[annotation])], edges, Genome(case["genome.fa"]))
    found: Found = {}
    for record in sorted(by_record):
        before = f"{record}:" if len(by_record) > 1 else ""
        for kind, sites in by_record[record].items():
            places = zip(sites.cuts.tolist(), sites.signs.tolist(), strict=True)
            own = [f"{before}{cut}{'+' if sign > 0 else '-'}" for cut, sign in places]
            found[kind] = found.get(kind, []) + own
    kinds = json.loads((case.out / "enrichment.json").read_text())["kinds"]
    inside = {kind["kind"]: kind["sites"] for kind in kinds if kind["sites"]}
    assert inside == {kind: len(own) for kind, own in found.items()}
    return found, answer.err


def _round_origin(case: Case) -> None:
    sites, _ = _enrich(case, "genes.gff3")
    assert sites == {"start codon": ["600+", "2850+"], "stop codon": ["147+", "897+"]}


circular_cds_one_row = _round_origin
circular_cds_two_rows = _round_origin


def pseudogene_cut_by_insertion(case: Case) -> None:
    sites, _ = _enrich(case, "genes.gff3")
    assert sites == {"start codon": ["1200+"], "stop codon": ["1287+"]}


def _polycistronic(case: Case) -> None:
    sites, _ = _enrich(case, "genes.gff3")
    assert sites == {
        "start codon": ["110+", "230+"],
        "stop codon": ["197+", "317+"],
        "transcription start": ["100+"],
    }


polycistronic_own_ids = _polycistronic
polycistronic_derives_from = _polycistronic


def trans_splicing_both_strands(case: Case) -> None:
    sites, _ = _enrich(case, "genes.gff3")
    assert sites == {
        "start codon": ["1114-"],
        "stop codon": ["2697+"],
        "splice donor": ["2132+"],
        "splice acceptor": ["2674+"],
    }


def gtf_transcript_at_two_places(case: Case) -> None:
    sites, _ = _enrich(case, "genes.gtf")
    assert sites == {
        "start codon": ["100+", "1793-"],
        "stop codon": ["190+", "1703-"],
        "transcription start": ["100+", "1793-"],
    }


def gtf_without_quotes(case: Case) -> None:
    sites, _ = _enrich(case, "genes.gtf")
    assert sites == {"start codon": ["300+"], "stop codon": ["900+"]}


def gtf_start_codon_on_another_record(case: Case) -> None:
    sites, _ = _enrich(case, "genes.gtf")
    assert sites == {"start codon": ["c1:100+"], "stop codon": ["c1:190+", "c2:90+"]}


def mirna_in_primary_transcript(case: Case) -> None:
    sites, _ = _enrich(case, "genes.gff3")
    assert sites == {"transcription start": ["100+"]}


def cds_without_phase_edges(case: Case) -> None:
    sites, said = _enrich(case, "genes.gff3", "--edges", "gene")
    assert sites == {"gene 5' edge": ["300+", "1800-"], "gene 3' edge": ["900+", "1500-"]}
    assert "1 CDS rows without a phase" in said


def _kept(case: Case) -> list[tuple[int, int]]:
    """The stretches that ``shard --regions`` keeps, 1-based and inclusive."""
    out = case.out / "shards"
    options = ["--features", "gene", "--flank", "0", "--validation", "last:0.3", "--guard", "0"]
    case.right("shard", case["genome.fa"], "--regions", case["genes.gff3"], *options, "--out", out)
    documents = [document for split in SPLITS for document in read_documents(out, split)]
    return sorted((d.start + 1, d.start + len(d.tokens)) for d in documents)


def circular_region_shard(case: Case) -> None:
    assert _kept(case) == [(1, 150), (601, 900), (2851, 3000)]


def cds_without_phase_unused(case: Case) -> None:
    assert _kept(case) == [(301, 900), (1501, 1800)]


def classify_windows_of_pseudogenes(case: Case) -> None:
    options = ["--length", "60", "--guard", "0", "--test-region", "last:0.3"]
    files = ["--genome", str(case["genome.fa"]), "--annotation", str(case["genes.gff3"])]
    answer = case.right("classify", "train", case.model, *files, *options, "--out", case.out / "p")
    assert "train: 25 coding" in answer.err + answer.out
    assert "test: 5 coding" in answer.err + answer.out
    found = coding_and_intergenic(
        case["genome.fa"], case["genes.gff3"], length=60, guard=0, test_region="last:0.3"
    )
    for window in (*found.train, *found.test):
        for start, end in ((1300, 1600), (3100, 3400), (4900, 5200)):
            assert window.end <= start or end <= window.start
        assert window.label != CODING or any(
            start <= window.start and window.end <= start + 300
            for start in (100, 700, 1900, 2500, 3700, 4300)
        )
