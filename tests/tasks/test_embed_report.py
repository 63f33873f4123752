"""What embed says about its vectors, and how the report shows it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.report.embedding_section import embedding_section
from hnet_seq.results.embedding import Embedding
from hnet_seq.results.read import read_result
from hnet_seq.tasks.embedding.overview import SAMPLE, Sampled, overview, sample_of
from modalities import dna
from modalities.errors import InputError
from modalities.text import TEXT


def seen(sequences: list[str], labels: Sequence[str | None] | None = None) -> Sampled:
    sampled = sample_of(len(sequences))
    for index, letters in enumerate(sequences):
        label = labels[index] if labels else None
        sampled.see(index, f"s{index}", label, dna.encode(letters), dna.DNA)
    return sampled


def test_a_sample_is_even_and_bounded() -> None:
    assert sample_of(3).places == [0, 1, 2]
    places = np.array(sample_of(3 * SAMPLE).places)
    assert len(places) == SAMPLE
    assert set(np.diff(places)) == {3}


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((40, 6)).astype(np.float32) * [5, 3, 1, 1, 1, 0.1]
    found = overview(seen(["ACGT"] * 40), vectors.astype(np.float32))
    centred = vectors - vectors.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found["variance_explained"], s**2 / (s**2).sum(), rtol=1e-4)
    np.testing.assert_allclose(np.abs(found["points"]["x"]), np.abs(u[:, 0] * s[0]), rtol=1e-3)
    np.testing.assert_allclose(
        [row["norm"] for row in found["norm_percentiles"]],
        np.percentile(np.linalg.norm(vectors, axis=1), [0, 5, 25, 50, 75, 95, 100]),
        rtol=1e-4,
    )


def test_a_component_that_is_nothing_but_gc_is_shown_to_be() -> None:
    generator = np.random.default_rng(0)
    sequences = ["G" * k + "A" * (30 - k) for k in range(31)]
    vectors = generator.standard_normal((31, 4)) * 0.01
    vectors[:, 2] += np.arange(31)
    found = overview(seen(sequences), vectors.astype(np.float32))
    assert found["correlations"][0]["gc"] > 0.99
    assert found["correlations"][0]["length"] is None  # all have one length
    assert abs(found["correlations"][1]["gc"]) < 0.5


def test_text_has_no_share_of_gc_and_equal_vectors_no_components() -> None:
    sampled = sample_of(3)
    for index, words in enumerate(("GC", "a cat", "GGGG")):
        sampled.see(index, "n", None, TEXT.encode(words), TEXT)
    found = overview(sampled, np.ones((3, 5), np.float32))
    assert [row["gc"] for row in found["correlations"]] == [None, None]
    assert found["variance_explained"] == [0.0] * 5


@pytest.fixture
def written(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    labels = [f"<{'abcdefgh'[index % 8]}>" for index in range(60)]
    sequences = ["".join(generator.choice(list("ACGT"), 20 + k)) for k in range(60)]
    vectors = generator.standard_normal((60, 5)).astype(np.float32)
    vectors[:, 0] += np.arange(60)
    about = {
        "kind": "hnet-seq embedding",
        "model": {"checkpoint": "run", "sha256": "ab" * 32, "modality": "dna"},
        "input": {"source": "w.csv", "sequences": 60, "bases": 2970},
        "options": {"pooling": "chunks", "layer": "inner", "stage": 0, "strands": "none"},
        "width": 5,
        "seconds": 61.2,
        "overview": overview(seen(sequences, labels), vectors),
    }
    path = tmp_path / "embedding.json"
    path.write_text(json.dumps(about))
    return path


def test_the_section_shows_all_points_and_says_what_the_map_follows(written: Path) -> None:
    root = ElementTree.fromstring(embedding_section(read_result(written, Embedding)))
    marks = [path for path in root.iter("path") if path.get("transform")]
    assert len(marks) == 60 + 6  # and a legend of five labels and the others
    words = " ".join("".join(root.itertext()).split())
    assert "component 1 follows the length (r = +1.00), which takes no model to see." in words
    assert "60 (2,970 tokens) of w.csv" in words
    assert "1 min 1 s" in words
    assert "other labels" in words
    assert "<a>" in words
    assert root.get("aria-labelledby") == "embedding"
    (picture,) = (svg for svg in root.iter("svg") if svg.get("role") == "img")
    assert "principal components of 60 sequences, by label" in (picture.get("aria-label") or "")


def test_vectors_of_chunks_have_no_map_but_say_what_they_are(written: Path) -> None:
    content = json.loads(written.read_text()) | {"overview": None}
    content["options"]["level"] = "chunk"
    written.write_text(json.dumps(content))
    root = ElementTree.fromstring(embedding_section(read_result(written, Embedding)))
    assert not list(root.iter("svg"))
    assert "level chunk" in " ".join(" ".join(root.itertext()).split())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("model"), "no 'model'"),
        (lambda c: c.pop("overview"), "no 'overview'"),
        (lambda c: c["overview"]["points"]["x"].pop(), "lists of different lengths"),
        (lambda c: c["overview"]["points"]["x"].__setitem__(3, "far"), r"points: 'x\[3\]' is"),
        (lambda c: c["overview"]["correlations"][0].pop("gc"), r"correlations\[0\]: no 'gc'"),
        (lambda c: c["input"].update(bases=1.5), "input: 'bases' is 1.5"),
    ],
)
def test_a_damaged_file_is_named_with_the_key(written: Path, change, words: str) -> None:
    content = json.loads(written.read_text())
    change(content)
    written.write_text(json.dumps(content))
    with pytest.raises(InputError, match=words) as caught:
        read_result(written, Embedding)
    assert str(caught.value).startswith(str(written))
