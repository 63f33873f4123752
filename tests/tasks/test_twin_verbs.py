"""``--twin``: every verb on the untrained twin, and its row in every table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq import load_pretrained
from hnet_seq.cli import main
from hnet_seq.report.page import build_results_page
from hnet_seq.report.twin import Measure, minus

SAID = "seed 0, residual_proj zero"
DRAWN = np.random.default_rng(3)
BASES = "".join(DRAWN.choice(list("ACGT"), 3000))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "genome.fa").write_text(f">c\n{BASES}\n")
    (folder / "windows.fa").write_text(
        "".join(f">w{i}\n{BASES[100 * i : 100 * i + 90]}\n" for i in range(12))
    )
    (folder / "genes.gff").write_text(
        "c\tx\tCDS\t301\t600\t.\t+\t0\tID=a\nc\tx\tCDS\t901\t1500\t.\t-\t0\tID=b\n"
    )
    (folder / "variants.tsv").write_text("chrom\tpos\tref\talt\n" + f"c\t1500\t{BASES[1499]}\tN\n")
    alternative = next(base for base in "ACGT" if base != BASES[1499])
    text = (folder / "variants.tsv").read_text().replace("\tN\n", f"\t{alternative}\n")
    (folder / "variants.tsv").write_text(text)
    rows = [f"{BASES[40 * i : 40 * i + 40]}\t{i % 7 + i / 9:.3f}" for i in range(40)]
    (folder / "measured.tsv").write_text("\n".join(["sequence\ty", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def twin(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The twin as a checkpoint of its own."""
    folder = tmp_path_factory.mktemp("twin")
    load_pretrained(checkpoint, "cpu", twin=True).save_pretrained(folder)
    return folder


VERBS = {
    "score": (["score", "{model}", "{in}/windows.fa", "--out", "{out}/s{twin}.tsv"], "s"),
    "variants": (
        [
            *("score", "{model}", "{in}/variants.tsv", "--genome", "{in}/genome.fa"),
            *("--window", "64", "--out", "{out}/v{twin}.tsv"),
        ],
        "v",
    ),
    "mutagenesis": (
        [
            *("score", "{model}", "--mutagenesis", "c:1500-1502", "--genome", "{in}/genome.fa"),
            *("--window", "64", "--out", "{out}/m{twin}.tsv"),
        ],
        "m",
    ),
    "measured": (
        ["score", "{model}", "{in}/measured.tsv", "--measured", "y", "--out", "{out}/e{twin}.tsv"],
        "e",
    ),
    "embed": (["embed", "{model}", "{in}/windows.fa", "--out", "{out}/x{twin}.parquet"], "x"),
    "segment": (
        [
            "segment",
            "{model}",
            "{in}/genome.fa",
            "--annotation",
            "{in}/genes.gff",
            "--out",
            "{out}",
        ],
        "boundaries",
    ),
    "stability": (
        [
            *("boundaries", "stability", "{model}", "{in}/genome.fa", "--out", "{out}"),
            *("--places", "20", "--reach", "40"),
        ],
        "stability",
    ),
    "lexicon": (
        [
            *("lexicon", "{model}", "{in}/genome.fa", "--features", "{in}/genes.gff", "--no-bpe"),
            *("--out", "{out}"),
        ],
        "lexicon",
    ),
    "enrich": (
        [
            *("boundaries", "enrich", "{model}", "{in}/genome.fa", "--out", "{out}"),
            *("--features", "{in}/genes.gff", "--shifts", "10", "--shuffles", "0"),
        ],
        "enrichment",
    ),
}


def run(words: list[str], model: Path, inputs: Path, out: Path, twin: str = "") -> None:
    out.mkdir(exist_ok=True)
    named = {"model": str(model), "in": str(inputs), "out": str(out), "twin": twin}
    filled = [word.format(**named) for word in words]
    assert main([*filled, *(["--twin"] if twin else [])]) == 0


def content(path: Path) -> Any:
    """What a result says, but for times, names of the checkpoint, and the twin's own word."""
    found = json.loads(path.read_text())
    for inner in (found, found.get("model")):
        if isinstance(inner, dict):
            for key in ("twin", "checkpoint", "weights", "sha256", "seconds", "output"):
                inner.pop(key, None)
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_the_twin_and_keeps_it_beside_the_model(
    verb: str, checkpoint: Path, twin: Path, inputs: Path, tmp_path: Path
) -> None:
    words, name = VERBS[verb]
    run(words, checkpoint, inputs, tmp_path / "out")
    of_model = (tmp_path / "out" / f"{name}.json").read_bytes()
    run(words, checkpoint, inputs, tmp_path / "out", ".twin")
    run(words, twin, inputs, tmp_path / "own")
    beside = tmp_path / "out" / f"{name}.twin.json"
    assert (tmp_path / "out" / f"{name}.json").read_bytes() == of_model
    assert SAID in beside.read_text()
    assert SAID not in of_model.decode()
    # A twin that was saved is a model like any other; it knows what it is.
    files = sorted(path.name for path in (tmp_path / "own").iterdir())
    (own,) = [file for file in files if file in (f"{name}.json", f"{name}.twin.json")]
    assert content(beside) == content(tmp_path / "own" / own)
    assert content(beside) != content(tmp_path / "out" / f"{name}.json")
    if verb == "segment":
        return  # on the page of a run
    page = build_results_page(tmp_path / "out")
    assert page.count("<section") == 1
    assert "Model minus twin" in page
    assert SAID in page


def test_twins_of_something_else_are_not_compared(
    checkpoint: Path, inputs: Path, tmp_path: Path
) -> None:
    words, _ = VERBS["stability"]
    run(words, checkpoint, inputs, tmp_path)
    run([*words, "--seed", "1"], checkpoint, inputs, tmp_path, ".twin")
    page = build_results_page(tmp_path)
    assert "Model minus twin" not in page
    assert "stability.twin.json is of another seed than stability.json" in page


def test_a_twin_without_its_model_has_a_section_of_its_own(
    checkpoint: Path, inputs: Path, tmp_path: Path
) -> None:
    words, _ = VERBS["score"]
    run(words, checkpoint, inputs, tmp_path, ".twin")
    page = build_results_page(tmp_path)
    assert page.count("<section") == 1
    assert f"This is the untrained twin, not the model: {SAID}." in page
    assert "Model minus twin" not in page


def test_the_row_of_classify_is_the_twins_probe_and_can_be_left_out(
    checkpoint: Path, twin: Path, table: Path, tmp_path: Path
) -> None:
    def rows(model: Path, *words: str) -> dict[str, Any]:
        out = tmp_path / f"{model.name}{''.join(words)}"
        command = ["classify", "train", str(model), "--data", str(table), "--out", str(out)]
        assert main([*command, *words]) == 0
        found = json.loads((out / "classification.json").read_text())
        return {row["name"]: row for row in found["rows"]} | {"twin": found.get("twin")}

    both, without, own = rows(checkpoint), rows(checkpoint, "--no-twin"), rows(twin, "--no-twin")
    name, of_model = "untrained twin, mean over chunks", "H-Net, mean over chunks"
    assert set(both) - set(without) == {name}
    assert (both["twin"], without["twin"]) == (SAID, None)
    assert both[of_model] == without[of_model]
    as_twin = {**own[of_model], "name": name, "kind": "baseline"}
    assert both[name] == as_twin


def test_finetune_trains_the_twin_with_the_same_seeds(
    checkpoint: Path, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["--epochs", "1", "--seeds", "2", "--pooling", "chunks", "--batch-tokens", "800"]
    command = ["classify", "finetune", str(checkpoint), "--data", str(table), "--out", str(out)]
    assert main([*command, *words, "--twin"]) == 0
    found = json.loads((out / "classification.json").read_text())
    names = [row["name"] for row in found["rows"]]
    assert names[:4] == [
        "H-Net, fine-tuned, mean over chunks",
        "untrained twin, fine-tuned, mean over chunks",
        "H-Net, frozen, mean over chunks",
        "untrained twin, frozen, mean over chunks",
    ]
    assert [len(row["per_seed"]) for row in found["rows"][:4]] == [2, 2, 1, 1]
    first = found["comparisons"][0]
    assert first["other"] == names[1]
    assert first["mcc"] == pytest.approx(found["rows"][0]["mcc"] - found["rows"][1]["mcc"])
    assert (out / "twin" / "model" / "model.safetensors").is_file()


def test_the_interval_of_a_difference_is_put_together_from_its_sides() -> None:
    found = minus(Measure("", 0.8, 0.7, 0.86), Measure("", 0.5, 0.46, 0.58))
    assert found is not None
    value, ends = found
    assert value == pytest.approx(0.3)
    assert ends == pytest.approx(
        (0.3 - (0.1**2 + 0.08**2) ** 0.5, 0.3 + (0.06**2 + 0.04**2) ** 0.5)
    )
    assert minus(Measure("", 0.8), Measure("", 0.5, 0.4, 0.6)) == (pytest.approx(0.3), None)
    assert minus(Measure("", None), Measure("", 0.5)) is None
    zero = minus(Measure("", 0.0, 0.0, 0.0), Measure("", 0.0, 0.0, 0.0))
    assert zero == (0.0, (0.0, 0.0))
