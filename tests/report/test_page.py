"""What a reader finds on the page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hnet_seq.report.page import build_page
from hnet_seq.report.run_data import read_run

PIECES = {
    "metrics.jsonl": "hnet-seq pretrain --resume",
    "markov.json": "hnet-seq markov 'my shards/ecoli' --out",
    "boundaries.json": "hnet-seq segment",
    "region.json": "hnet-seq segment",
    "classification.json": "hnet-seq classify train",
    "run.json": "hnet-seq pretrain",
    "config.yaml": "hnet-seq pretrain",
}


def page_of(folder: Path, baseline: Path | None = None) -> str:
    return build_page(read_run(folder), read_run(baseline) if baseline else None)


def parsed(page: str) -> ElementTree.Element:
    """Strict: an unclosed tag or a bare ampersand is an error."""
    return ElementTree.fromstring(page)


def words(page: str) -> str:
    return " ".join("".join(parsed(page).itertext()).split())


def test_a_complete_run_has_every_section_and_nothing_missing(make_run) -> None:
    root = parsed(page_of(make_run(), make_run("isotropic", targets=())))
    headings = ["".join(h.itertext()) for h in root.iter("h2")]
    assert headings == [
        "At a glance",
        "Learning",
        "Chunks",
        "A stretch of the genome",
        "Where chunks begin",
        "Classification",
        "How to repeat this run",
    ]
    assert len([svg for svg in root.iter("svg") if svg.get("role") == "img"]) == 13
    assert not [p for p in root.iter("p") if p.get("class") == "missing"]


@pytest.mark.parametrize("piece", PIECES)
def test_a_missing_piece_is_named_with_the_command_that_makes_it(make_run, piece: str) -> None:
    run = make_run()
    (run / piece).unlink()
    root = parsed(page_of(run))
    notes = ["".join(p.itertext()) for p in root.iter("p") if p.get("class") == "missing"]
    assert len(notes) == 1
    assert piece in notes[0]
    assert PIECES[piece] in notes[0]


def test_a_run_that_has_only_begun_renders(make_run) -> None:
    run = make_run()
    for piece in PIECES:
        if piece != "config.yaml":
            (run / piece).unlink()
    (run / "metrics.jsonl").write_text("")
    assert "metrics.jsonl is missing or empty" in words(page_of(run))


def test_training_records_alone_ask_for_a_validation_split(make_run) -> None:
    run = make_run()
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(x for x in lines if '"train"' in x))
    text = words(page_of(run))
    assert "nothing can be said about unseen bases" in text
    assert "--validation last:0.1" in text


def test_an_isotropic_run_has_no_boundaries_to_ask_for(make_run) -> None:
    run = make_run(targets=())
    (run / "boundaries.json").unlink()
    (run / "region.json").unlink()
    text = words(page_of(run))
    assert "isotropic: it has no router" in text
    assert "hnet-seq segment" not in text


def test_every_stage_is_drawn(make_run) -> None:
    text = words(page_of(make_run(targets=(3.0, 4.0))))
    assert "Chunk lengths, stage 1" in text
    assert "target 4; 12.00 bases" in text


def test_the_page_needs_nothing_from_elsewhere(make_run) -> None:
    page = page_of(make_run())
    root = parsed(page)
    tags = {element.tag for element in root.iter()}
    assert not tags & {"script", "link", "img", "iframe", "object", "image", "use"}
    targets = [
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.endswith(("href", "src")) or name.startswith("on")
    ]
    assert targets
    assert all(target.startswith("#") for target in targets)
    assert "url(" not in page
    assert "@import" not in page
    assert "http" not in page


def test_links_lead_to_sections_and_ids_are_unique(make_run) -> None:
    root = parsed(page_of(make_run()))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {a.get("href") for a in root.iter("a")} == {f"#{name}" for name in ids}


def test_pictures_are_described_and_captioned(make_run) -> None:
    root = parsed(page_of(make_run()))
    assert all(svg.get("aria-label") for svg in root.iter("svg") if svg.get("role") == "img")
    captions = ["".join(c.itertext()) for c in root.iter("figcaption")]
    assert len(captions) == len(list(root.iter("figure"))) == 13
    assert all(caption.endswith(".") for caption in captions)


def test_hostile_names_are_text(make_run) -> None:
    run = make_run()
    hostile = "<script>alert('x')</script>&\"\x00\x1b"
    for name, change in (
        ("region.json", lambda c: c["genes"][1].update(name=hostile) or c.update(sequence=hostile)),
        ("boundaries.json", lambda c: c["features"][0].update(name=hostile)),
        ("classification.json", lambda c: c["rows"][0].update(name=hostile)),
        ("run.json", lambda c: c.update(machine=hostile, command=["hnet-seq", hostile])),
    ):
        content = json.loads((run / name).read_text())
        change(content)
        (run / name).write_text(json.dumps(content))
    (run / "config.yaml").write_text(f"data:\n  sources:\n  - path: {hostile}\n")
    page = page_of(run)
    assert not list(parsed(page).iter("script"))
    assert words(page).count("<script>alert('x')</script>&\"\ufffd\ufffd") >= 5


def table_rows(page: str) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in parsed(page).iter("tr")]


def test_numbers_are_those_of_the_files(make_run) -> None:
    run = make_run()
    rows = table_rows(page_of(run))
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    last = [r for r in records if r["event"] == "validation"][-1]
    assert ["Validation, bits per base", f"{last['bits_per_token']:.3f}"] in [r[:2] for r in rows]
    chunks = last["stages"][0]
    assert ["Stage 0, bases per chunk", f"{chunks['bases_per_chunk']:.2f}"] in [r[:2] for r in rows]
    for length, count in chunks["chunk_length_histogram"].items():
        assert [length, f"{count:,}"] in [r[:2] for r in rows]
    markov = json.loads((run / "markov.json").read_text())
    for row in markov["orders"]:
        assert [f"{row['order']}", f"{row['bits_per_base']:.4f}"] in rows
    rates = json.loads((run / "boundaries.json").read_text())
    for row in rates["regions"]:
        if row["rate"] is not None:
            assert [
                row["name"],
                f"{row['rate']:.3f}",
                f"{row['low']:.3f} to {row['high']:.3f}",
                f"{row['control']:.3f}",
                f"{row['context_control']:.3f}",
                f"{row['bases']:,}",
            ] in rows
    region = json.loads((run / "region.json").read_text())
    for gene in region["genes"]:
        assert [gene["name"], f"{gene['start'] + 1:,}", f"{gene['end']:,}"] in [r[:3] for r in rows]


@pytest.mark.parametrize(
    ("level", "said"),
    [(1.90, "below the best Markov model (order 6, 1.933)"), (1.96, "still predicts better")],
)
def test_the_verdict_follows_the_numbers(make_run, level: float, said: str) -> None:
    assert said in words(page_of(make_run(level=level)))


@pytest.mark.parametrize(("mixing", "said"), [(1.89, "0.016 above it"), (1.95, "0.044 below it")])
def test_the_bar_of_compressors_is_said_where_it_was_measured(
    make_run, mixing: float, said: str
) -> None:
    run = make_run(level=1.90)
    assert "Context mixing" not in words(page_of(run))
    scores = json.loads((run / "markov.json").read_text()) | {"mixing": {"bits_per_base": mixing}}
    (run / "markov.json").write_text(json.dumps(scores))
    assert f"Context mixing of many orders needs {mixing:.3f}; the model is {said}" in words(
        page_of(run)
    )


def test_a_model_and_context_mixing_together_have_a_row(make_run) -> None:
    run = make_run(level=1.90)
    assert "A model and context mixing" not in words(page_of(run))
    both = {"checkpoint": "run", "model": 1.91, "mixture": 1.853}
    scores = json.loads((run / "markov.json").read_text())
    scores |= {"mixing": {"bits_per_base": 1.89}, "mixture": both}
    (run / "markov.json").write_text(json.dumps(scores))
    said = "A model and context mixing1.853by log-odds, with weights that are learned on the way"
    assert said in words(page_of(run))


def test_values_that_are_not_finite_leave_a_gap(make_run) -> None:
    run = make_run()
    lines = (run / "metrics.jsonl").read_text().splitlines()
    record = json.loads(lines[3]) | {"bits_per_token": float("nan")}
    lines[3] = json.dumps(record)
    (run / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    page = page_of(run)
    assert not re.search(r'"[^"]*\b(nan|inf)\b[^"]*"', page)


def test_rates_of_too_few_bases_are_said_to_be_so(make_run) -> None:
    text = words(page_of(make_run()))
    assert "no such bases" in text
    assert "too few bases" in text


def test_command_and_configuration_are_quoted_exactly(make_run) -> None:
    run = make_run()
    blocks = ["".join(pre.itertext()) for pre in parsed(page_of(run)).iter("pre")]
    assert blocks == [
        "hnet-seq pretrain dna_small --data 'my shards/ecoli' --out run",
        (run / "config.yaml").read_text().rstrip(),
    ]
