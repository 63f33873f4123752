"""The explorer's page in a real browser, for tests: a Chromium that is there, or one named in
CHROMIUM."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
without_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on the PATH; CHROMIUM may name one"
)
expect = playwright.expect
PATIENCE = 180_000  # milliseconds, after which something hangs, however busy the machine is
# What a test asked for.
REFUSED = "Failed to load resource: the server responded with a status of 400 (Bad Request)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        # Its sandbox does not work for root, as whom tests in containers run.
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        own = started.chromium.launch(executable_path=CHROMIUM, args=root)
        yield own
        own.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens a page; what its console said is an error of the test."""
    contexts: list[Any] = []
    said: list[str] = []

    def open_(url: str, ready: str = "#track svg path", **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.extend({message.text} - {REFUSED}))
        page.on("pageerror", lambda error: said.append(f"{error}"))
        page.goto(url)
        page.wait_for_selector(ready)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


def settled(page: Any) -> None:
    page.wait_for_selector("#track:not([aria-busy])")
