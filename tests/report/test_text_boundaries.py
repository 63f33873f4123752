"""The section about where chunks begin in text."""

from __future__ import annotations

import json

from tests.report.pages import change, page_of, rows, section, words


def test_ratios_of_text_boundaries_are_those_of_the_file(make_byte_run) -> None:
    run = make_byte_run()
    part = section(page_of(run), "text")
    found = rows(part)
    content = json.loads((run / "text_boundaries.json").read_text())
    for label in (content["all"], *content["labels"]):
        for row in (*label["kinds"], *label["places"]):
            assert [
                row["class"],
                f"{row['share']:.3f}",
                f"{row['low']:.3f} to {row['high']:.3f}",
                f"{row['expected']:.3f}",
                f"{row['ratio']:.2f}",
                f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}",
                f"{row['bytes']:,}",
            ] in found
    assert ["", "All", "c", "python"] in found
    assert ["word start", "0.70", "0.70", "1.40"] in found
    assert ["bytes per chunk", "4.34", "4.34", "4.34"] in found
    assert "125,317 boundaries of stage 0 on 543,381 bytes of 61 documents" in words(part)


def test_characters_of_several_bytes_are_drawn_where_there_are_some(make_byte_run) -> None:
    run = make_byte_run()
    assert len(list(section(page_of(run), "text").iter("figure"))) == 2
    content = json.loads((run / "text_boundaries.json").read_text())
    for row, ratio in zip(content["all"]["multi_byte"], (1.4, 0.4), strict=True):
        row |= {"bytes": 90, "boundaries": 9, "ratio": ratio, "share": ratio / 3, "expected": 1 / 3}
    change(run / "text_boundaries.json", all=content["all"])
    part = section(page_of(run), "text")
    assert len(list(part.iter("figure"))) == 3
    tips = [words(title) for title in part.iter("title")]
    said = "1.4000 times as many boundaries as at random, 90 bytes"
    assert f"start of a multi-byte character: {said}" in tips
    assert "too few bytes" in words(part)


def test_one_label_has_no_table_by_label(make_byte_run) -> None:
    run = make_byte_run()
    content = json.loads((run / "text_boundaries.json").read_text())
    change(run / "text_boundaries.json", labels=content["labels"][:1])
    assert "By label" not in words(section(page_of(run), "text"))
