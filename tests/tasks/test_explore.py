"""`hnet-seq explore`: what it shows is what `segment`, `score` and `explain` find."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq import HNetForCausalLM, HNetForMaskedLM, dependency_map, read_result, segment
from hnet_seq.cli import main
from hnet_seq.results.explored import Explored
from hnet_seq.tasks.exploring.explorer import Explorer, finished
from hnet_seq.tasks.exploring.page import about, live_page, saved_page
from hnet_seq.tasks.exploring.pasting import pasted
from hnet_seq.tasks.exploring.reading import Reader
from hnet_seq.tasks.exploring.sources import (
    GenomeSource,
    read_documents,
)
from hnet_seq.tasks.scoring.likelihoods import base_log_likelihoods
from modalities.errors import InputError, UsageError
from modalities.text import with_markers
from pipelines.formats.genome import Genome
from tests.tasks.explore_pages import (
    BASES,
    explorer_of,
    of_dna,
    reverse_complement,
    write_genome,
)
from tests.tasks.test_segment_text import make_model as model_of_text
from tests.tasks.test_segment_text import segment_text

SPANS = [
    *(("chr1", 0, 500), ("chr1", 9_000, 9_300)),
    *(("chr1", BASES - 10, BASES), ("chr1", 9_000, 9_001)),
]


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_genome(tmp_path_factory.mktemp("genome"))


def deaf(_tokens: int) -> None:
    pass


@pytest.fixture(scope="module", params=["one stage", "two stages, MLPs outside, tied", "masked"])
def explorer(request: pytest.FixtureRequest, genome: Path) -> Explorer:
    if request.param != "masked":
        return explorer_of(genome, of_dna(request.param))
    config = of_dna().config.__class__.from_dict(
        {**of_dna().config.to_dict(), "bidirectional": True}
    )
    model: Any = HNetForMaskedLM(config, seed=1)
    model.metadata["modality"] = "dna"
    return explorer_of(genome, model)


def check_same(found: Explored, record: Any, *, model: Any) -> None:
    """The lane of an explored region has the cuts and the numbers of a record of segment."""
    (lane,) = found.lanes
    assert len(lane.stages) == record.num_stages == model.num_stages
    looked_at = np.arange(len(record.tokens))
    for stage, own in enumerate(lane.stages):
        assert own.boundaries == np.flatnonzero(record.mask(stage)).tolist()
        assert np.array_equal(
            np.array(own.probabilities, np.float32), record.probs[stage, looked_at]
        )
        looked_at = np.flatnonzero(record.mask(stage))


@pytest.mark.parametrize("span", SPANS)
def test_the_cuts_are_those_of_segment(explorer: Explorer, genome: Path, span: tuple) -> None:
    name, start, end = span
    model = explorer.readers[0].model
    found = explorer.lane(0, explorer.file, span, "+", deaf)
    (record,) = segment(model, genome, region=f"{name}:{start + 1}-{end}")
    check_same(found, record, model=model)
    assert found.letters == Genome(genome).letters(name, start, end)


def test_those_of_the_other_strand_are_those_of_the_reverse_complement(
    explorer: Explorer, genome: Path, tmp_path: Path
) -> None:
    letters = Genome(genome).letters("chr1", 0, BASES)
    other = tmp_path / "other.fa"
    other.write_text(f">chr1\n{reverse_complement(letters)}\n")
    for name, start, end in SPANS:
        found = explorer.lane(0, explorer.file, (name, start, end), "-", deaf)
        model = explorer.readers[0].model
        (record,) = segment(model, other, region=f"chr1:{BASES - end + 1}-{BASES - start}")
        check_same(found, record, model=model)


FORMS = [
    *("{}", ">name of it\n{}\n", "        1 {}\n", "\ufeff>name\r\n{}\r\n"),
    "LOCUS  name  300 bp DNA\nFEATURES\n  gene 1..9\nORIGIN\n        1 {}\n//\n",
]


@pytest.mark.parametrize("written", FORMS)
def test_what_is_pasted_is_cut_as_a_sequence(explorer: Explorer, written: str) -> None:
    letters = "".join(np.random.default_rng(1).choice(list("ACGTN"), 300, p=[0.24] * 4 + [0.04]))
    source = pasted(written.format(letters.lower()), "dna")
    (name,) = source.lengths
    assert name == ("name" if "name" in written else "pasted")
    model = explorer.readers[0].model
    (record,) = segment(model, letters)
    check_same(explorer.lane(0, source, (name, 0, 300), "+", deaf), record, model=model)
    (other,) = segment(model, reverse_complement(letters))
    check_same(explorer.lane(0, source, (name, 0, 300), "-", deaf), other, model=model)
    part = explorer.lane(0, source, (name, 40, 90), "-", deaf)
    assert part.lanes[0].stages[0].boundaries == [
        place for place in range(50) if other.mask(0)[210 + place]
    ]


def test_documents_are_cut_as_segment_cuts_them(tmp_path: Path, monkeypatch: Any) -> None:
    model = model_of_text()
    text = "the cat x_1 = 42;\n\u5c71\u6c34 " * 60
    (tmp_path / "a.txt").write_text(text)
    source = read_documents(tmp_path / "a.txt", "text")
    explorer = Explorer([Reader("t", model)], source)
    (name,) = source.lengths
    size = len(text.encode())
    from hnet_seq.tasks.byte_documents import MarkedDocument

    document = MarkedDocument(name, "", with_markers(text.encode()))
    ((_, record),) = segment_text(model, [document])
    for start, end in ((0, size), (100, 300), (size - 5, size)):
        (lane,) = explorer.lane(0, source, (name, start, end), "+", deaf).lanes
        own = slice(start + 1, end + 1)  # behind the marker
        for stage, found in enumerate(lane.stages):
            assert found.boundaries == np.flatnonzero(record.mask(stage)[own]).tolist()
    # A document too long to be cut whole for a region is read from some bytes before it.
    monkeypatch.setattr("hnet_seq.tasks.exploring.sources.WHOLE", 100)
    monkeypatch.setattr("hnet_seq.tasks.exploring.sources.LEFT_CONTEXT", 64)
    (lane,) = explorer.lane(0, source, (name, 500, 600), "+", deaf).lanes
    assert (lane.before, lane.behind) == (64, 0)
    with pytest.raises(UsageError, match="one strand"):
        explorer.lane(0, source, (name, 0, 9), "-", deaf)
    whole = explorer.whole(source, (name, 0, 200))
    assert len(whole.lanes) == 1
    assert len(whole.lanes[0].bits or []) == 200


def test_bits_are_those_of_a_whole_reading(genome: Path) -> None:
    model = of_dna()
    explorer = explorer_of(genome, model)
    tokens = Genome(genome).fetch("odd", 0, 700)
    (nats,) = base_log_likelihoods(model, [tokens], batch_tokens=8192)
    found = explorer.bits(0, explorer.file, ("odd", 100, 160), "+", deaf)
    assert np.allclose(np.array(found, float), -nats[100:160] / np.log(2), atol=1e-3)
    first = explorer.bits(0, explorer.file, ("odd", 0, 3), "+", deaf)
    assert first[0] is None
    assert None not in first[1:]
    unknown = explorer.bits(0, explorer.file, ("chr1", 8999, 9006), "+", deaf)
    assert [value is None for value in unknown] == [False, *[True] * 5, False]


def test_a_map_is_that_of_explain(genome: Path) -> None:
    model = of_dna()
    explorer = explorer_of(genome, model)
    steps = explorer.dependencies(0, explorer.file, ("odd", 300, 316))
    found = finished(steps)
    letters = Genome(genome).letters("odd", 0, 700)
    assert found.values == dependency_map(model, letters, start=300, end=316).values
    assert (found.name, found.start) == ("odd", 301)
    with pytest.raises(UsageError, match="at most 300 bases here"):
        finished(explorer.dependencies(0, explorer.file, ("odd", 0, 301)))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("one", 0), ("two", 1)):
        of_dna(seed=seed).save_pretrained(folder / name)
    return [folder / "one", folder / "two"]


def regions_of(page: str) -> list[Explored]:
    found = re.search(r'<script type="application/json" id="regions">(.*?)</script>', page, re.S)
    assert found
    return [Explored.of(content) for content in json.loads(found[1])]


def test_an_export_holds_its_regions_and_needs_nothing_else(
    genome: Path, checkpoints: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    line = ["explore", f"{checkpoints[0]}", f"{genome}", "--beside", f"{checkpoints[1]}", "--maps"]
    line += ["--annotation", f"{genome.parent / 'genes.gff'}", "--export", f"{out}"]
    assert main([*line, "--region", "abcA", "--region", "odd:11-26"]) == 0
    assert capsys.readouterr().out.strip() == f"{out}"
    page = out.read_text()
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in page.replace(
        "&#x27;", "'"
    )
    assert not re.search(r"""(src|href)=["']?(https?:|/)""", page)
    assert f"{genome.parent}" not in page
    first, second = regions_of(page)
    assert (first.record, first.start, first.end) == ("chr1", 11_850, 12_450)
    assert [(own.model.rpartition("/")[2], own.strand) for own in first.lanes] == [
        ("one", "+"), ("one", "-"), ("two", "+"), ("two", "-"),
    ]  # fmt: skip
    assert first.lanes[0].dependencies is None  # too long for one
    assert second.lanes[0].dependencies is not None
    assert second.lanes[1].dependencies is None
    assert all(lane.bits is not None for own in (first, second) for lane in own.lanes)
    model = HNetForCausalLM.from_pretrained(checkpoints[1])
    (record,) = segment(model, genome, region="chr1:11851-12450")
    assert first.lanes[2].stages[0].boundaries == np.flatnonzero(record.mask(0)).tolist()
    second.write(tmp_path / "explored.json")
    assert read_result(tmp_path / "explored.json", Explored) == second


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lanes": []}, "nothing has read it"),
        ({"end": 41}, "'letters' are not"),
        ({"letters": "Z" * 30}, "not those of DNA"),
        ({"start": -1}, "is not within"),
        ({"lanes.stages": 1}, "probabilities for"),
        ({"lanes.bits": [1.0]}, "1 bits for 30 places"),
    ],
)
def test_a_record_that_contradicts_itself_is_told(genome: Path, change: dict, said: str) -> None:
    explorer = explorer_of(genome, of_dna("two stages, MLPs outside, tied"))
    content = explorer.whole(explorer.file, ("odd", 10, 40)).content()
    ((key, value),) = change.items()
    if key == "lanes.stages":
        content["lanes"][0]["stages"][1]["probabilities"].append(0.5)
    elif key == "lanes.bits":
        content["lanes"][0]["bits"] = value
    else:
        content[key] = value
    with pytest.raises(InputError, match=said):
        Explored.of(content)


def test_a_name_cannot_end_the_script_that_holds_it(tmp_path: Path) -> None:
    name = "</script><script>alert(1)</script><!--"
    (tmp_path / "genome.fa").write_text(f">{name}\n{'ACGT' * 10}\n")
    source = GenomeSource(Genome(tmp_path / "genome.fa"))
    explorer = Explorer([Reader(name, of_dna())], source)
    known = about(explorer, checkpoints=[name], source=name, annotation=name)
    regions = [explorer.whole(source, source.find(name))]
    for page in (saved_page(known, regions), live_page(known, regions, "nonce")):
        assert "alert(1)" in page
        assert "<script>alert(1)" not in page
        scripts = re.findall(r"<script[^>]*>(.*?)</script>", page, re.S)
        assert len(scripts) == page.count("<script") == 4
        assert json.loads(scripts[1])["models"][0]["name"] == name
        assert regions_of(page) == regions
