"""The table of sources: what each is predicted with, beside Markov models of its bytes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from hnet_seq.report.run_data import read_run
from modalities.errors import InputError
from tests.report.pages import change, edit_log, headings, page_of, rows, section, words


def test_each_source_and_label_has_its_row(make_byte_run) -> None:
    found = rows(section(page_of(make_byte_run()), "sources"))
    assert found[0] == [
        "Source",
        "Label",
        "Bytes scored",
        "Model",
        "Markov, order \u2264 3",
        "Markov, any order",
        "Bytes per chunk",
        "Times read",
    ]
    assert found[1] == ["code", "c", "60,458", "1.550", "4.973 (3)", "1.610 (6)", "3.51", "0.035"]
    assert found[2] == [
        "code", "python", "54,808", "2.250", "1.970 (2)", "1.970 (2)", "4.25", "0.035"
    ]  # fmt: skip
    # The folder is spelt in another way in markov.json, and has no label.
    assert found[3][:2] == ["chinese", "\u2013"]
    assert found[3][4:] == ["3.700 (3)", "2.800 (4)", "6.75", "3.50"]
    assert found[4][:3] == ["all", "\u2013", "235,267"]
    assert found[4][5] == "2.191 (5)"


def test_rows_are_bold_where_the_model_is_below_every_markov_order(make_byte_run) -> None:
    table = section(page_of(make_byte_run()), "sources")
    bold = [row[1].text for row in table.iter("tr") if row.get("class") == "emphasis"]
    assert bold == ["c", "\u2013"]


def test_markov_models_of_other_bytes_are_owned_up_to(make_byte_run) -> None:
    run = make_byte_run()
    said = "scored on 999 bytes in all, which are not those that the model was"
    assert said not in words(page_of(run))
    change(run / "markov.json", scored_bytes=999)
    assert said in words(page_of(run))


def test_a_source_that_no_markov_model_was_scored_on_has_none(make_byte_run) -> None:
    run = make_byte_run()
    content = json.loads((run / "markov.json").read_text())
    change(run / "markov.json", folders=content["folders"][:1])
    row = rows(section(page_of(run), "sources"))[3]
    assert row[4:6] == ["\u2013", "\u2013"]


def test_a_single_source_of_bytes_has_one_row_under_its_name(make_byte_run) -> None:
    found = rows(section(page_of(make_byte_run(several=False)), "sources"))
    assert len(found) == 2
    assert found[1][0] == "code"
    assert "Times read" not in found[0]


def test_sources_of_dna_are_shown_in_bases(make_run) -> None:
    run = make_run()
    assert "Sources" not in headings(page_of(run))

    def regions(line: dict) -> None:
        if line["event"] == "validation":
            line["sources"] = [
                {"source": "ecoli", "label": label, **{k: line[k] for k in SHARED}}
                for label in ("inside", "outside")
            ]

    SHARED = ("bits_per_token", "scored_tokens", "stages")
    edit_log(run, regions)
    root = page_of(run)
    found = rows(section(root, "sources"))
    assert found[0] == ["Source", "Label", "Bases scored", "Model", "Markov, order \u2264 3",
                        "Markov, any order", "Bases per chunk"]  # fmt: skip
    assert [row[1] for row in found[1:]] == ["inside", "outside", "\u2013"]
    assert "byte" not in words(root).lower()


def test_a_model_without_stages_has_sources_and_no_chunks(make_byte_run) -> None:
    run = make_byte_run()
    (run / "text_boundaries.json").unlink()

    def flatten(line: dict) -> None:
        line["stages"] = []
        for source in line.get("sources", []):
            source["stages"] = []

    edit_log(run, flatten)
    root = page_of(run)
    assert "Bytes per chunk" not in rows(section(root, "sources"))[0]
    assert "Where chunks begin in text" not in headings(root)


def test_a_masked_run_on_bytes_stands_beside_no_markov_model(make_byte_run) -> None:
    run = make_byte_run()
    edit_log(run, lambda line: line.update(objective="masked"))
    root = page_of(run)
    assert "bits per masked byte" in words(root)
    assert "256 byte values" in words(root)
    assert "Markov, any order" not in rows(section(root, "sources"))[0]


def test_dna_among_text_is_said_to_have_another_guess(make_byte_run) -> None:
    said = "Of DNA only the four letters are predicted, for which 2 is guessing."
    assert said in words(page_of(make_byte_run("mixed", modalities=("dna_bytes", "text"))))
    assert said not in words(page_of(make_byte_run("text")))


@pytest.mark.parametrize(
    ("event", "values", "said"),
    [
        ("train", {"epochs": {"code": "often"}}, "line 1, epochs: 'code' is \"often\""),
        ("validation", {"sources": {}}, "line 6: 'sources' is {}; expected a list"),
        ("validation", {"sources": [{"source": 3, "label": ""}]}, "sources[0]: 'source' is 3"),
    ],
)
def test_a_wrong_record_of_sources_is_named_with_its_line(
    make_byte_run, event: str, values: dict[str, Any], said: str
) -> None:
    run = make_byte_run()
    edit_log(run, lambda line: line.update(values) if line["event"] == event else None)
    with pytest.raises(InputError, match=re.escape(said)):
        read_run(run)
