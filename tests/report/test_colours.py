"""The page's colours: contrast of WCAG 2.1 in the light and in the dark theme, and one palette."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import product

import pytest

from hnet_seq.report.document import standalone

REPORT = files("hnet_seq.report")
STYLE = REPORT.joinpath("style.css").read_text(encoding="utf-8")
HEX = re.compile(r"#[0-9a-fA-F]{3,8}\b")
LIGHT, DARK = (
    dict(re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
)
THEMES = {"light": LIGHT, "dark": DARK}
# Behind text, and text on it. Names of genes stand on their arrows.
TEXT = [
    *product(["--paper"], ["--ink", "--soft", "--model", "--train-name", "--baseline", "--plus"]),
    *product(["--wash", "--note"], ["--ink", "--soft"]),
    *product(["--gene-plus", "--gene-minus"], ["--ink"]),
]
LINES = ["model", "train", "baseline", "control", "plus", "minus", "context", "faint", "prob"]
MARKS = [f"--{name}" for name in [*LINES, *(f"mark-{number}" for number in range(1, 7))]]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_as_wcag_has_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ground", "ink"), TEXT)
def test_text_can_be_read(theme: str, ground: str, ink: str) -> None:
    assert contrast(THEMES[theme][ground], THEMES[theme][ink]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("mark", MARKS)
def test_lines_and_marks_of_charts_can_be_seen(theme: str, mark: str) -> None:
    assert contrast(THEMES[theme]["--paper"], THEMES[theme][mark]) >= 3


def test_both_themes_have_every_colour_and_nothing_else_names_one() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", STYLE)) <= LIGHT.keys()
    assert not HEX.search(re.sub(r":root \{.*?\}", "", STYLE, flags=re.DOTALL))
    for file in REPORT.iterdir():
        if file.name.endswith(".py"):
            text = file.read_text(encoding="utf-8")
            assert not HEX.search(text), file.name
            assert set(re.findall(r"var\((--[a-z0-9-]+)\)", text)) <= LIGHT.keys(), file.name


def test_a_drawing_that_stands_alone_has_the_palette_of_the_page() -> None:
    text = standalone(10, 20, [], title="a & b")
    light, dark = (
        dict(re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r"svg \{(.*?)\}", text, re.DOTALL)
    )
    assert (light, dark) == (LIGHT, DARK)


def test_printed_pages_stay_light() -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in STYLE
    assert "color-scheme: light dark" in STYLE
