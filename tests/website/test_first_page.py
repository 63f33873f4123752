"""The results on the first page are those of the commands above them."""

from __future__ import annotations

import re

from website import first_page

NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def test_its_results_are_real() -> None:
    """Words to the letter, numbers to a fiftieth: another build of torch has other last digits."""
    found = first_page.results(first_page.PAGE.read_text())
    assert len(found) == 2
    (generated, shown), (segmented, table) = found
    renew = "python -m website.first_page"
    prompt = generated.split("--prompt ")[1]
    assert f"the first {len(prompt)} bases are given" in first_page.PAGE.read_text()
    # What is sampled may differ with the last digit of a probability, and is not compared.
    lines = [first_page.result(generated), shown]
    starts = ["".join(text.splitlines()[1:])[: len(prompt) + 8] for text in lines]
    assert starts[0] == starts[1], renew
    assert starts[0].replace("|", "").startswith(prompt[:40])
    new = first_page.result(segmented)
    assert NUMBER.sub("", new).split() == NUMBER.sub("", table).split(), renew
    pairs = zip(NUMBER.findall(new), NUMBER.findall(table), strict=True)
    for mine, theirs in ((float(a.replace(",", "")), float(b.replace(",", ""))) for a, b in pairs):
        assert abs(mine - theirs) <= 0.02 * abs(theirs) + 0.05, renew


def test_a_command_may_go_on_in_the_next_line() -> None:
    text = "<!-- result -->\n```console\n$ hnet-seq info \\\n    x\nold\n```\n<!-- end -->"
    assert first_page.results(text) == [("hnet-seq info \\\n    x", "old\n")]
