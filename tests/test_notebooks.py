"""The notebooks run from the first cell to the last; no jupyter is needed for that."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import pytest

from website import notebooks

FOLDER = Path(__file__).parents[1] / "examples/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: What stands in what they show, where all went as they say.
SHOWN = {
    "a_classifier_that_survives_an_audit": ["!! leak", "1- to 5-mer frequencies"],
    "embeddings_into_scikit_learn": ["genomes-tiny", "MCC", "<img"],
    "first_steps": ["<table", "<img"],
    "mixed_code_and_text": ["bits a byte", "whitespace"],
    "pretrain_on_your_genome": ["Markov, order", "<img"],
    "reading_chunks": ["chunks of", "codon position 3", "<table", "<img"],
}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path) -> None:
    mpl.use("Agg")
    shown = "\n".join(notebooks.run(path))
    assert [text for text in SHOWN[path.stem] if text not in shown] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    assert cells[0]["source"][0].startswith("# ")


def test_each_is_known() -> None:
    assert {path.stem for path in NOTEBOOKS} == SHOWN.keys()


def write(path: Path, *sources: str) -> Path:
    """A notebook of these cells of code, below a title."""
    cells = [{"cell_type": "code", "source": source.splitlines(True)} for source in sources]
    title = {"cell_type": "markdown", "source": ["# Title"]}
    path.write_text(json.dumps({"cells": [title, *cells]}))
    return path


def test_what_a_cell_shows(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", "a = 1\nprint('<b>')\na + 1", "a;", "import pathlib")
    outputs = notebooks.run(path)
    assert outputs == ["<pre>&lt;b&gt;</pre>\n\n<pre>2</pre>", "", ""]
    page = notebooks.page(path, outputs)
    assert page.startswith("# Title\n\n{download}`This notebook <n.ipynb>`\n\n```python\na = 1\n")
    assert "```python\na;\n```" in page


def test_a_cell_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        notebooks.run(write(tmp_path / "n.ipynb", "1 / 0"))
    with pytest.raises(RuntimeError, match="did not work: hnet-seq info nothing-of-this-name"):
        notebooks.run(
            write(tmp_path / "n.ipynb", "x = 'nothing-of-this-name'", "!hnet-seq info {x}")
        )


def test_pandas_tables_have_no_empty_lines() -> None:
    text = "<div>\n<style scoped>\n a {}\n\n b {}\n</style>\n<table>\n\n</table>\n</div>"
    assert notebooks._table(text) == "<div>\n<table>\n</table>\n</div>"
