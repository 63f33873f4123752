"""What the explorer's page shows is of one region, whatever was clicked while answers were on
their way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.tasks.explore_browser import browser, opened, settled, without_browser
from tests.tasks.explore_pages import Running, explorer_of, of_dna, running, write_genome

pytest.importorskip("starlette", reason="the extra explore is not installed")
pytestmark = without_browser
__all__ = ["browser", "opened"]
MODELS = [of_dna("two stages, MLPs outside, tied"), of_dna(seed=1)]
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = write_genome(tmp_path_factory.mktemp("genome"))
    with running(explorer_of(path, *MODELS), ["chr1:12001-12900", "odd:101-600"]) as own:
        yield own


class Held:
    """Requests for a path, which wait until they are let go."""

    def __init__(self, page: Any, path: str) -> None:
        self.page, self.holds = page, True
        self.routes: list[Any] = []
        page.route(f"**{path}", lambda route: self._take(route))

    def _take(self, route: Any) -> None:
        if self.holds:
            self.routes.append(route)
        else:
            route.continue_()

    def wait(self, count: int) -> None:
        while len(self.routes) < count:
            self.page.wait_for_timeout(20)

    def let_go(self) -> None:
        """Answer all of them, also those whose answers nobody takes any more."""
        self.holds = False  # page.unroute would send those that are held, too
        for route in self.routes:
            answer = route.fetch()
            with contextlib.suppress(Exception):
                route.fulfill(response=answer)
        self.page.evaluate(FRAMES)


def check_shown(page: Any, record: str, first: str, last: str) -> None:
    """All parts of the page are of these places."""
    settled(page)
    page.evaluate(FRAMES)
    assert page.inner_text("#title") == f"{record}: {first} to {last}"
    assert f" chunks of {first} to {last}" in page.inner_text("#words-about")
    assert page.input_value("#asked") == f"{record}:{first}-{last}".replace(",", "")
    assert f"--region {record}:{first}-{last} ".replace(",", "") in page.inner_text("#command")
    assert not page.locator("#said.wrong").count()


@pytest.mark.parametrize("back", ["inside", "another", "gene"])
def test_an_answer_for_what_is_not_seen_any_more_is_not_shown(
    server: Running, opened: Any, back: str
) -> None:
    page = opened(server.url)
    held = Held(page, "/api/lane")
    page.click("[data-act=left]")
    held.wait(2)
    if back == "inside":
        page.click("[data-act=right]")
    elif back == "another":
        page.select_option("#regions-list", "1")
    else:
        page.fill("#asked", "abcB")
        page.click("#find button")
        held.wait(4)
    held.let_go()
    shown = {
        "inside": ("12,001", "12,900"),
        "another": ("101", "600"),
        "gene": ("12,251", "12,850"),
    }
    check_shown(page, "odd" if back == "another" else "chr1", *shown[back])


def test_what_was_to_be_asked_of_one_record_is_not_asked_of_the_next(
    server: Running, opened: Any
) -> None:
    page = opened(server.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("""() => {
      const key = new KeyboardEvent("keydown", { key: "PageUp", bubbles: true });
      document.getElementById("track").dispatchEvent(key);
      document.getElementById("regions-list").value = "1";
      document.getElementById("regions-list").dispatchEvent(new Event("change"));
      return new Promise((done) => setTimeout(done, 400));  // after any timer of the page
    }""")
    check_shown(page, "odd", "101", "600")
    assert not [url for url in asked if url.endswith("/api/lane")]


def test_a_map_is_of_the_chosen_reading_and_stays_while_the_view_goes_on(
    server: Running, opened: Any
) -> None:
    page = opened(server.url)
    for _ in range(6):
        page.click("[data-act=in]")
    place = "chr1:12,443-12,458"  # 900 / 2 ** 6 bases around the middle
    page.locator("#make-map").get_by_text("of 12,443 to 12,458").wait_for()
    held = Held(page, "/api/map")
    page.click("#make-map:not([disabled])")
    held.wait(1)
    page.click("[data-act=all]")
    page.click("[data-act=left]")  # is read
    settled(page)
    held.let_go()
    page.get_by_text(f"The map of {place} by one is done.").wait_for()
    assert page.inner_text("#map-title") == f"What depends on what: one, {place}"
    assert "by one" in (page.get_attribute("#map", "aria-label") or "")
    first = page.text_content("#map-numbers")
    page.select_option("#lane", label="two, as given")
    assert not page.is_visible("#map")
    for _ in range(6):
        page.click("[data-act=in]")
    page.click("#make-map:not([disabled])")
    page.get_by_text("by two is done.").wait_for()
    assert "What depends on what: two" in page.inner_text("#map-title")
    assert page.text_content("#map-numbers") != first
    page.select_option("#lane", label="one, as given")
    assert page.inner_text("#map-title") == f"What depends on what: one, {place}"
    assert page.text_content("#map-numbers") == first


def test_pasted_letters_stay_those_that_are_shown(server: Running, opened: Any) -> None:
    page = opened(server.url)
    letters = "".join(np.random.default_rng(3).choice(list("ACGT"), 160))
    page.click("#paste summary")
    for text in (letters, "ACGU!"):
        page.fill("#letters", text)
        page.click("#paste button")
        page.get_by_text("pasted: 1 to 160").wait_for()
        settled(page)
    page.locator("#said.wrong").wait_for()
    page.check("text=one, reverse complement")
    page.locator(".lane-title >> nth=2").wait_for()
    settled(page)
    assert not page.locator("#said.wrong").count()
    assert "".join(page.locator("#words span").all_text_contents()) == letters
    assert not page.is_visible("#command")


def test_one_reading_is_always_shown_and_the_command_is_of_the_chosen_one(
    server: Running, opened: Any
) -> None:
    page = opened(server.url)
    line = "hnet-seq segment {} genome.fa --region chr1:12001-12900{} --bed chunks.bed"
    for name, stage, more in (("one", "0", ""), ("one", "1", " --stage 1"), ("two", "0", "")):
        page.select_option("#lane", label=f"{name}, as given")
        page.select_option("#stage", stage)
        page.evaluate(FRAMES)
        assert page.inner_text("#command code") == line.format(name, more)
    boxes = page.locator("#lane-choices input")
    boxes.nth(2).uncheck()  # two
    boxes.nth(0).click()
    page.get_by_text("One reading is shown at least.").wait_for()
    assert boxes.nth(0).is_checked()
    boxes.nth(1).check()
    page.locator(".lane-title >> nth=1").wait_for()
    settled(page)
    page.select_option("#lane", label="one, reverse complement")
    page.evaluate(FRAMES)
    assert not page.is_visible("#command")  # segment reads one strand
    boxes.nth(0).uncheck()
    page.evaluate(FRAMES)
    assert page.locator(".lane-title").count() == 1


WORDS = """async () => {
  const { Region } = await import("explore/region.js");
  const { drawWords } = await import("explore/words.js");
  const letters = "\\xe5\\xb1\\xb1\\xe6\\xb0\\xb4\\xef\\xbb\\xbf\\xe5", places = [0, 1, 3, 4, 6, 9];
  const stages = [{ probabilities: Array(letters.length).fill(0.5), boundaries: places }];
  const region = new Region({ modality: "text", record: "a", start: 0, end: 10, length: 10,
    letters: btoa(letters), arrows: [], lanes: [{ model: "t", strand: "+", stages }] });
  const box = document.createElement("div");
  drawWords(box, document.createElement("p"), { region, seen: () => [0, 10] }, region.lanes[0], 0);
  return [...box.children].map((own) => [own.dataset.key, own.textContent]);
}"""


def test_words_of_bytes_are_the_same_where_their_bytes_are(server: Running, opened: Any) -> None:
    page = opened(server.url)
    words = page.evaluate(WORDS)
    keys = [key for key, _ in words]
    assert keys == ["\xe5", "\xb1\xb1", "\xe6", "\xb0\xb4", "\xef\xbb\xbf", "\xe5"]
    assert all(text for _, text in words)
