"""The page of a masked run: its bits are those of hidden bases, beside no Markov model."""

from __future__ import annotations

import json

from hnet_seq.report.page import build_page
from hnet_seq.report.run_data import read_run


def test_masked_bits_are_called_so_and_no_markov_model_stands_beside_them(make_run) -> None:
    run = make_run()
    causal = build_page(read_run(run))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    masked = [{**line, "objective": "masked"} for line in lines]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in masked))
    page = build_page(read_run(run))
    assert "bits per masked base" in page
    assert "bits per masked base" not in causal
    assert "Best Markov model" in causal
    assert "Best Markov model" not in page
    assert "markov.json is missing" not in page
