"""The explorer's page in a real browser, by clicks and keys; skipped where there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq import segment
from hnet_seq.cli import main
from hnet_seq.results.explored import Explored
from hnet_seq.tasks.exploring.explorer import Explorer
from hnet_seq.tasks.exploring.reading import Reader
from hnet_seq.tasks.exploring.sources import read_documents
from tests.tasks.explore_browser import browser, expect, opened, settled, without_browser
from tests.tasks.explore_pages import Running, explorer_of, of_dna, running, write_genome
from tests.tasks.test_segment_text import make_model as model_of_text

pytest.importorskip("starlette", reason="the extra explore is not installed")
pytestmark = without_browser
__all__ = ["browser", "opened"]
MODELS = [of_dna("two stages, MLPs outside, tied"), of_dna(seed=1)]


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_genome(tmp_path_factory.mktemp("genome"))


@pytest.fixture(scope="module")
def server(genome: Path) -> Iterator[Running]:
    with running(explorer_of(genome, *MODELS), ["chr1:12001-12900"]) as own:
        yield own


def test_by_clicks_it_shows_and_gives_the_cuts_of_segment(
    server: Running, genome: Path, opened: Any, tmp_path: Path
) -> None:
    page = opened(server.url, permissions=["clipboard-read", "clipboard-write"])
    assert page.url == f"http://127.0.0.1:{server.port}/"  # without the token
    assert page.inner_text("#title") == "chr1: 12,001 to 12,900"
    page.click("[data-act=left]")
    page.get_by_text("chr1: 11,191 to 12,090").wait_for()
    settled(page)
    MODELS[0].save_pretrained(tmp_path / "model")
    (record,) = segment(MODELS[0], genome, region="chr1:11191-12090")
    counts = page.inner_text(".lane-title >> nth=0")
    assert f"stage 0: {record.count(0)} cuts" in counts
    assert f"stage 1: {record.count(1)} cuts" in counts
    for stage in range(2):
        page.select_option("#stage", f"{stage}")
        page.click("#copy-bed")
        page.get_by_text("Chunks copied.").wait_for()
        line = f"segment {tmp_path / 'model'} {genome} --region chr1:11191-12090 --stage {stage}"
        assert main([*line.split(), "--bed", f"{tmp_path / 'own.bed'}"]) == 0
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == (tmp_path / "own.bed").read_text()
        words = page.eval_on_selector_all("#words span", "all => all.map((x) => x.textContent)")
        rows = [row.split("\t") for row in copied.splitlines()]
        assert [len(word) for word in words] == [int(row[2]) - int(row[1]) for row in rows]
        page.fill("#asked", "")  # so that the next message is a new one
        page.evaluate("document.getElementById('said').textContent = ''")


def test_places_genes_and_pasted_letters_are_read(server: Running, opened: Any) -> None:
    page = opened(server.url)
    page.fill("#asked", "abcB")
    page.keyboard.press("Enter")
    page.get_by_text("chr1: 12,251 to 12,850").wait_for()
    assert "abcB" in (page.text_content("#track svg >> nth=0") or "")
    page.fill("#asked", "nobody")
    page.click("#find button")
    page.locator("#said.wrong").get_by_text("no CDS is called").wait_for()
    page.click("#paste summary")
    page.fill("#letters", "ACGT ACGU!")
    page.click("#paste button")
    page.locator("#said.wrong").get_by_text("pasted").wait_for()
    letters = "".join(np.random.default_rng(2).choice(list("ACGT"), 240))
    page.fill("#letters", f">mine\n{letters}")
    page.click("#paste button")
    page.get_by_text("mine: 1 to 240").wait_for()
    settled(page)
    (record,) = segment(MODELS[0], letters)
    assert f"stage 0: {record.count(0)} cuts" in page.inner_text(".lane-title >> nth=0")
    assert "".join(page.locator("#words span").all_text_contents()) == letters


def test_keys_move_zoom_and_say_what_is_there(server: Running, opened: Any) -> None:
    page = opened(server.url)
    page.focus("#track")
    page.keyboard.press("Home")
    page.keyboard.press("n")
    said = page.inner_text("#readout")
    assert "one, as given: a chunk begins: " in said
    place = int(said.split()[0].replace(",", ""))
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#readout").startswith(f"{place + 1:,} ")
    page.keyboard.press("p")
    assert page.inner_text("#readout").startswith(f"{place:,} ")
    for _ in range(3):
        page.keyboard.press("+")
    page.keyboard.press("Shift+ArrowRight")
    page.locator("#track .base >> nth=100").wait_for()  # letters
    first, last = re.findall(r"[\d,]+(?=$| to)", page.inner_text("#title"))
    assert 110 <= int(last.replace(",", "")) - int(first.replace(",", "")) <= 114
    # The pointer, on words and on the track.
    page.click("#words span >> nth=2")
    word = page.inner_text("#words span >> nth=2")
    assert f"{word}, " in page.inner_text("#readout")
    assert page.locator("#words .here").count() == 1
    page.locator("#track").scroll_into_view_if_needed()
    box = page.locator("#track").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 100, steps=4)
    page.mouse.up()
    expect(page.locator("#title")).not_to_have_text(f"chr1: {first} to {last}")


def test_strands_models_map_and_a_saved_page_that_opens_offline(
    server: Running, opened: Any, tmp_path: Path
) -> None:
    page = opened(server.url)
    assert page.locator(".lane-title").count() == 2
    page.check("text=one, reverse complement")
    settled(page)
    page.locator(".lane-title >> nth=2").wait_for()
    assert "where the first reading cuts" in page.inner_text(".lane-title >> nth=1")
    assert page.is_disabled("#make-map")
    for _ in range(6):
        page.click("[data-act=in]")
    page.click("#make-map:not([disabled])")
    page.get_by_text("is done.").wait_for()
    page.locator("#map").hover(position={"x": 200, "y": 10})
    assert "log2 odds" in page.inner_text("#map-readout")
    settled(page)
    page.get_by_role("checkbox", name="bits").wait_for()
    with page.expect_download() as taken:
        page.click("#save-json")
    taken.value.save_as(tmp_path / "explored.json")
    shown = Explored.read(tmp_path / "explored.json")
    assert [lane.dependencies is not None for lane in shown.lanes] == [True, False, False, False]
    with page.expect_download() as taken:
        page.click("#save-page")
    taken.value.save_as(tmp_path / "page.html")
    asked: list[str] = []
    saved = opened((tmp_path / "page.html").as_uri(), offline=True)
    saved.on("request", lambda request: asked.append(request.url))
    assert saved.inner_text("#title") == "chr1: 12,001 to 12,900"
    assert not saved.is_visible("#find")
    assert not saved.is_visible("#paste")
    assert saved.is_visible("#map")
    assert not saved.is_visible("#command")  # it would name no path that is there
    saved.click("[data-act=in]")
    saved.get_by_text("chr1: 12,226 to 12,675").wait_for()
    for _ in range(9):
        saved.click("[data-act=right]")
    saved.get_by_text("chr1: 12,451 to 12,900").wait_for()  # no further than what it holds
    page.click("[data-act=all]")
    saved.click("[data-act=all]")
    for shown_page in (page, saved):
        shown_page.get_by_text("chr1: 12,001 to 12,900").wait_for()
    for each in ("#words span", ".lane-title"):
        texts = [own.locator(each).all_text_contents() for own in (page, saved)]
        assert len(texts[0]) >= 3
        assert texts[0] == texts[1]
    assert asked == []


CONTRAST = """all => all.map((element) => {
  const rgb = (text) => {
    const n = text.match(/[\\d.]+/g).map(Number);
    return (text.startsWith("color(") ? n.slice(0, 3) : n.slice(0, 3).map((x) => x / 255));
  };
  const light = (text) => rgb(text)
    .map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4))
    .reduce((sum, x, k) => sum + x * [0.2126, 0.7152, 0.0722][k], 0);
  let own = element;
  const clear = /rgba\\(.*, 0\\)/;
  while (clear.test(getComputedStyle(own).backgroundColor)) own = own.parentElement;
  const a = light(getComputedStyle(element).color);
  const b = light(getComputedStyle(own).backgroundColor);
  return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.textContent.slice(0, 30)];
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_can_be_read_in_light_and_dark_and_on_a_phone(
    server: Running, opened: Any, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 844}
    page = opened(server.url, viewport=size, color_scheme=scheme, has_touch=width < 500)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    texts = "p, button:not(:disabled), label, summary, h1, h2, figcaption, #words span, input, code"
    found = page.eval_on_selector_all(f":is({texts}):not([hidden] *)", CONTRAST)
    assert len(found) > 100
    assert [own for own in found if own[0] < 4.5] == []
    sizes = page.eval_on_selector_all(
        "#track text", "all => all.map((x) => parseFloat(getComputedStyle(x).fontSize))"
    )
    assert min(sizes) >= 11
    # Each control has a name.
    names = page.eval_on_selector_all(
        "button, input, select, textarea, [tabindex]",
        "all => all.map((x) => x.getAttribute('aria-label') || x.labels?.[0]?.textContent"
        " || x.textContent)",
    )
    assert all(name.strip() for name in names)


def test_text_is_shown_as_text(opened: Any, tmp_path: Path) -> None:
    text = "the cat x_1 = 42;\n\u5c71\u6c34 <b>&amp;\n" * 9
    (tmp_path / "a.txt").write_text(text)
    source = read_documents(tmp_path / "a.txt", "text")
    explorer = Explorer([Reader("t", model_of_text())], source)
    (name,) = source.lengths
    with running(explorer, [name], annotation=None) as server:
        page = opened(server.url)
        shown = "".join(page.locator("#words span").all_text_contents())
        assert shown.replace("\u21b5", "").replace("\ufffd", "").startswith("the cat x_1 = 42;\n")
        assert "<b>&amp;" in shown
        assert not page.is_visible("#map-section")
        page.click("#paste summary")
        page.fill("#letters", "h\u00e4tte es, \u5c71")
        page.click("#paste button")
        page.get_by_text("pasted: 1 to 14").wait_for()
        settled(page)


def test_without_a_genome_it_waits_for_what_is_pasted(opened: Any) -> None:
    explorer = Explorer([Reader("one", MODELS[0])], None)
    with running(explorer, [], source=None, annotation=None) as server:
        page = opened(server.url, ready="#letters")
        assert not page.is_visible("#find")
        assert not page.is_visible("#shown")
        page.fill("#letters", "ACGTTGCA" * 5)
        page.click("#paste button")
        page.get_by_text("pasted: 1 to 40").wait_for()
        content = json.loads(page.inner_text("#about") or page.text_content("#about"))
        assert content["source"] is None
