"""The explorer's page in a browser: first paint, and a new region after a click.

    python benchmarks/explorer.py RUN GENOME [--rounds 5] [--clicks 10] [--cpu-time]

Needs playwright, and a Chromium on the PATH or in CHROMIUM. The server is a process of its own; its
start is not counted, the page's first load is: each round has a browser context that knows nothing.
For a busy machine, --cpu-time: of a click the time that the server's process and the page's thread
were running, from the click until the cuts are drawn (Linux).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
# From the click to the frame after the one in which the region's cuts were drawn.
CLICK = """(act) => new Promise((done) => {
  const track = document.getElementById("track"), began = performance.now();
  let busy = false;
  new MutationObserver((_, observer) => {
    if (track.hasAttribute("aria-busy")) { busy = true; return; }
    if (!busy) return;
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  }).observe(track, { attributes: true, attributeFilter: ["aria-busy"] });
  document.querySelector(`[data-act=${act}]`).click();
})"""


def server_ms(process: int) -> float:
    """CPU time of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def page_ms(tools: Any) -> float:
    """Time that the thread of the page has been running."""
    found = {own["name"]: own["value"] for own in tools.send("Performance.getMetrics")["metrics"]}
    return 1000 * float(found["TaskDuration"])


def main() -> None:
    """Print medians, least and greatest."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("genome")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clicks", type=int, default=10)
    parser.add_argument("--cpu-time", action="store_true")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        raise SystemExit("no Chromium on the PATH; CHROMIUM may name one")
    line = [sys.executable, "-m", "hnet_seq.cli", "explore", args.run, args.genome]
    server = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        paints, loads, clicks = [], [], []
        of_server, of_page = [], []
        with sync_playwright() as started:
            root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
            browser = started.chromium.launch(executable_path=chromium, args=root)
            for _ in range(args.rounds):
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                page = context.new_page()
                page.goto(url)
                page.wait_for_selector("#track svg path")
                page.wait_for_timeout(500)
                tools = context.new_cdp_session(page)
                tools.send("Performance.enable", {"timeDomain": "threadTicks"})
                paints.append(page.evaluate(FIRST_PAINT))
                loads.append(page.evaluate("performance.getEntriesByName('drawn')[0].startTime"))
                for number in range(args.clicks):
                    # Not while the last region's bits are read, and while they are, in turns.
                    time.sleep(2.0 if number % 2 else 0.3)
                    before = server_ms(server.pid), page_ms(tools)
                    clicks.append(page.evaluate(CLICK, "right"))
                    of_server.append(server_ms(server.pid) - before[0])
                    of_page.append(page_ms(tools) - before[1])
                bases = re.findall(r"[\d,]+(?= to|$)", page.inner_text("#title"))
                context.close()
            browser.close()
        print(f"last view {bases[0]} to {bases[1]}, {os.cpu_count()} cores", file=sys.stderr)
        figures = {"first paint": paints, "cuts drawn": loads, "click": clicks}
        if args.cpu_time:
            figures = {"CPU, server": of_server, "CPU, page": of_page}
        for name, found in figures.items():
            low, high = min(found), max(found)
            print(f"{name:12s}{statistics.median(found):8.0f} ms  ({low:.0f} to {high:.0f})")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
