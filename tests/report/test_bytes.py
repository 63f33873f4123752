"""The page of a run on text and code speaks of bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.report.page import build_page
from hnet_seq.report.run_data import read_run
from hnet_seq.report.units import BASE, BYTE, LETTER, unit_of
from hnet_seq.results.run import Run
from hnet_seq.tasks.report import report, summary
from modalities.errors import InputError
from tests.report.pages import change, edit_log, headings, page_of, words

ORDERS = {"orders": [{"order": 0, "bits_per_byte": 5.0}], "best_order": 0}


@pytest.mark.parametrize(
    ("provenance", "unit"),
    [
        (None, BASE),
        ({"seed": 0}, BASE),
        ({"unit": "base", "modalities": ["dna"]}, BASE),
        ({"unit": "byte", "modalities": ["code", "text"]}, BYTE),
        ({"unit": "byte", "modalities": ["dna_bytes", "text"]}, BYTE),
        ({"unit": "byte", "modalities": ["dna_bytes"]}, LETTER),
    ],
)
def test_the_unit_is_what_the_run_states(provenance, unit) -> None:
    assert unit_of(None if provenance is None else Run.of(provenance)) is unit


def test_a_run_on_bytes_has_its_sections_and_nothing_missing(make_byte_run) -> None:
    root = page_of(make_byte_run())
    assert headings(root) == [
        "At a glance",
        "Learning",
        "Sources",
        "Chunks",
        "Where chunks begin in text",
        "How to repeat this run",
    ]
    assert not [p for p in root.iter("p") if p.get("class") == "missing"]


@pytest.mark.parametrize("several", [True, False])
def test_a_run_on_bytes_never_speaks_of_bases(make_byte_run, several: bool) -> None:
    run = make_byte_run(several=several)
    page = build_page(read_run(run))
    assert not re.search(r"\bbases?\b|genome|codon|strand", page, re.IGNORECASE)
    assert not re.search(r"\bbases?\b", summary(read_run(run), None))
    assert "8 is guessing at equal odds" in page
    assert "bits per byte" in page


def test_a_run_on_dna_never_speaks_of_bytes(make_run) -> None:
    run = make_run(targets=(3.0, 4.0))
    before = build_page(read_run(run))
    assert not re.search(r"\bbytes?\b|Sources", before)
    change(run / "run.json", unit="base", modalities=["dna"])
    stated = "".join(
        f'<tr><th scope="row">{name}</th><td>{value}</td></tr>'
        for name, value in (("unit", "base"), ("kinds of sequence", "dna"))
    )
    assert build_page(read_run(run)).replace(stated, "") == before


@pytest.mark.parametrize("piece", ["metrics.jsonl", "markov.json", "text_boundaries.json"])
def test_what_is_missing_of_a_run_on_bytes_is_named_with_its_command(
    make_byte_run, piece: str
) -> None:
    run = make_byte_run()
    (run / piece).unlink()
    notes = [words(p) for p in page_of(run).iter("p") if p.get("class") == "missing"]
    commands = {
        "metrics.jsonl": "hnet-seq pretrain --resume",
        "markov.json": "hnet-seq markov 'my shards/code' shards/zh --out",
        "text_boundaries.json": f"hnet-seq segment {run} --shards 'my shards/code' "
        f"--shards shards/zh --out {run}",
    }
    assert len(notes) == 1
    assert piece in notes[0]
    assert commands[piece] in notes[0]


def test_a_run_without_validation_is_told_how_to_hold_text_out(make_byte_run) -> None:
    run = make_byte_run()
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(x for x in lines if '"train"' in x))
    root = page_of(run)
    assert "nothing can be said about unseen bytes" in words(root)
    assert "--modality text --out SHARDS --validation fraction:" in words(root)
    assert "Sources" not in headings(root)


def test_without_markov_models_guessing_is_eight_bits(make_byte_run) -> None:
    run = make_byte_run()
    (run / "markov.json").unlink()
    text = words(page_of(run))
    assert "guessing the 256 byte values at equal odds takes 8" in text


def test_bytes_of_dna_alone_are_guessed_among_four_letters(make_byte_run) -> None:
    run = make_byte_run(several=False, modalities=("dna_bytes",))
    for piece in ("markov.json", "text_boundaries.json"):
        (run / piece).unlink()
    root = page_of(run)
    assert "guessing the four letters of DNA at equal odds takes 2" in words(root)
    assert "Where chunks begin in text" not in headings(root)
    assert "segment" not in words(root)


def test_hostile_names_of_sources_and_labels_are_text(make_byte_run) -> None:
    run = make_byte_run()
    hostile = "<script>alert('x')</script>&\"\x00"

    def rename(line: dict) -> None:
        for source in line.get("sources", []):
            source |= {"source": hostile, "label": hostile}

    edit_log(run, rename)
    for name in ("markov.json", "text_boundaries.json"):
        text = (run / name).read_text()
        (run / name).write_text(text.replace('"python"', json.dumps(hostile)))
    change(run / "text_boundaries.json", inputs=[hostile])
    change(run / "run.json", modalities=[hostile])
    change(run / "markov.json", smoothing=hostile)
    root = page_of(run)
    assert not list(root.iter("script"))
    assert words(root).count("<script>alert('x')</script>&\"\ufffd") >= 10


@pytest.mark.parametrize(
    ("name", "change_to", "said"),
    [
        ("markov.json", {"folders": 5}, "'folders' is 5; expected a list"),
        ("markov.json", {"folders": [ORDERS | {"folder": "x"}]}, "folders[0]: no 'labels'"),
        (
            "markov.json",
            {"folders": [{"folder": "x", "labels": [{"label": "c", "orders": [{"order": 0}]}]}]},
            "folders[0].labels[0].orders[0]: no 'bits_per_base' or 'bits_per_byte'",
        ),
        ("markov.json", {"best_order": 9}, "best_order 9 is not among the orders"),
        ("text_boundaries.json", {"all": 3}, "all: expected a JSON object, found 3"),
        ("text_boundaries.json", {"labels": [{}]}, "labels[0]: no 'documents'"),
        (
            "text_boundaries.json",
            {
                "labels": [
                    {"label": "c", "documents": 1, "bytes": 9, "boundaries": 2, "units": 1}
                    | {"resampled": "documents", "kinds": [], "places": [], "multi_byte": []}
                ]
            },
            "labels[0]: has other rows than 'all'",
        ),
    ],
)
def test_wrong_content_is_named(
    make_byte_run, name: str, change_to: dict[str, Any], said: str
) -> None:
    run = make_byte_run()
    change(run / name, **change_to)
    with pytest.raises(InputError) as caught:
        read_run(run)
    assert str(caught.value).startswith(f"{run / name}: ")
    assert said in str(caught.value)


def test_markov_models_of_another_unit_are_refused(make_byte_run) -> None:
    run = make_byte_run(unit="base", modalities=("dna",))
    with pytest.raises(InputError, match=r"counts bytes, and run.json says that a token"):
        read_run(run)


def test_runs_whose_bits_do_not_compare_are_not_drawn_together(make_run, make_byte_run) -> None:
    run, dna = make_byte_run("bytes"), make_run("dna")
    with pytest.raises(InputError, match=r"predicts four bases, .* predicts 256 byte values"):
        report(run, baseline=dna)
    assert not (run / "report.html").exists()
    assert report(run, baseline=make_byte_run("other")).read_text().count("Baseline run other") == 1


def test_the_frame_of_the_curve_begins_at_what_counting_bytes_achieves(make_byte_run) -> None:
    run = make_byte_run()
    orders = json.loads((run / "markov.json").read_text())["orders"]
    orders[0]["bits_per_byte"] = 5.9
    change(run / "markov.json", orders=orders)
    ticks = learning_ticks(run)
    assert 5 <= max(ticks) <= 6
    (run / "markov.json").unlink()
    assert max(learning_ticks(run)) == 8


def learning_ticks(run: Path) -> list[float]:
    chart = next(svg for svg in page_of(run).iter("svg") if svg.get("role") == "img")
    return [
        float(text.text or "")
        for text in chart.iter("text")
        if text.get("class") == "tick" and text.get("text-anchor") == "end"
    ]
