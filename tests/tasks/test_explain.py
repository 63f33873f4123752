"""``hnet-seq explain``: its files, its report, a run that is stopped, and what it refuses."""

from __future__ import annotations

import csv
import dataclasses
import json
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq import HNetForMaskedLM, count_markov, explain, read_result
from hnet_seq.cli import main
from hnet_seq.report.explanation_section import explanation_section
from hnet_seq.results.explanation import Explanation
from tests.conftest import make_model
from tests.tasks.explaining import shape

RECORD = "".join(np.random.default_rng(8).choice(list("ACGT"), 300))
STEM = "c1\t104\t108\tc1\t112\t116\thairpin\t.\t+\t-\n"
BOX = "c1\t101\t103\tc1\t118\t120\tboxes\n"
OUTSIDE = "c1\t10\t12\tc1\t118\t120\toutside\n"
REGION = ["--region", "c1:101-120", "--window", "64"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(folder / "run")
    (folder / "g.fa").write_text(f">c1\n{RECORD}\n>c2\n{RECORD[:50]}\n")
    (folder / "p.bedpe").write_text(STEM + BOX + OUTSIDE)
    return folder


def run(inputs: Path, out: Path, *words: str) -> int:
    files = [f"{inputs / 'run'}", f"{inputs / 'g.fa'}"]
    few = ["--device", "cpu"]
    if "--baselines" not in words:
        few += ["--baselines", "1", "--steps", "2"]
    return main(["explain", *files, *REGION, "--out", f"{out}", *few, *words])


@pytest.fixture(scope="module")
def out(inputs: Path) -> Path:
    folder = inputs / "out"
    assert run(inputs, folder, "--pairs", f"{inputs / 'p.bedpe'}", "--seed", "3") == 0
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_verb_finds_what_the_function_finds(inputs: Path, out: Path) -> None:
    found = read_result(out / "explanation.json", Explanation)
    model = make_model("one stage")
    first = found.context_start - 1
    again = explain(
        model,
        [("c1", RECORD[first : found.context_end])],
        start=100 - first,
        end=120 - first,
        baselines=1,
        steps=2,
        seed=3,
        device="cpu",
    )
    assert found.reference == RECORD[100:120]
    assert (found.context_start, found.context_end) == (79, 142)
    assert found.dependencies.values == again.dependencies.values
    assert found.bases == again.bases
    shuffled = [own.values for own in found.controls if own.of == "shuffled"]
    assert shuffled == [own.values for own in again.controls]
    assert {own.of for own in found.controls} == {"shuffled", "twin", "markov"}


def test_its_tables_have_a_row_a_pair_a_base_and_a_chunk(out: Path) -> None:
    found = read_result(out / "explanation.json", Explanation)
    pairs = rows_of(out / "dependencies.tsv")
    assert len(pairs) == 20 * 19
    assert set(pairs[0]) == {
        *("name", "substituted", "read", "strand", "dependency", "twin", "shuffled", "markov"),
    }
    values = found.dependencies.matrix()
    for row in pairs[::37]:
        i, j = int(row["substituted"]) - 101, int(row["read"]) - 101
        assert float(row["dependency"]) == pytest.approx(values[i, j], abs=1e-3)
        assert row["strand"] == ("+" if j > i else "-")
    bases = rows_of(out / "bases.tsv")
    assert "".join(row["ref"] for row in bases) == RECORD[100:120]
    assert found.bases is not None
    assert [float(row["gradient"]) for row in bases] == pytest.approx(found.bases.gradient)
    chunks = rows_of(out / "chunks.tsv")
    assert len(chunks) == len(found.chunks)
    assert {row["strand"] for row in chunks} == {"+", "-"}


def test_its_pairs_are_those_within_the_region(out: Path) -> None:
    found = read_result(out / "explanation.json", Explanation)
    assert {(own.name, own.pairs) for own in found.of_pairs} == {("hairpin", 4), ("boxes", 4)}
    assert {own.of for own in found.of_pairs} == {"model", "twin", "shuffled", "markov"}
    values = found.dependencies.matrix()
    stem = [(4, 15), (5, 14), (6, 13), (7, 12)]
    mean = np.mean([(values[i, j] + values[j, i]) / 2 for i, j in stem])
    (own,) = (row for row in found.of_pairs if (row.name, row.of) == ("hairpin", "model"))
    assert own.mean == pytest.approx(float(mean), abs=2e-3)
    assert {(tuple(arms.first), arms.stem) for arms in found.arms} == {
        ((105, 108), True),
        ((102, 103), False),
    }


def test_its_pictures_can_be_read(out: Path) -> None:
    content = (out / "map.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width == height >= 900
    image = pytest.importorskip("matplotlib.image")
    pixels = image.imread(out / "map.png")
    assert pixels.shape == (height, width, 3)
    values = read_result(out / "explanation.json", Explanation).dependencies.matrix()
    side = height // 20
    shown = 1 - pixels[side // 2 :: side, side // 2 :: side, 0]
    assert shown[np.isnan(values)].max() == 0
    known = ~np.isnan(values)
    assert np.corrcoef(shown[known], values[known])[0, 1] > 0.95
    drawn = ElementTree.parse(out / "map.svg").getroot()
    assert "image" in {element.tag.split("}")[1] for element in drawn.iter()}
    tips = [element.text for element in drawn.iter() if element.tag.endswith("title")]
    assert tips.count("hairpin: two stretches that pair") == 2


def test_the_report_shows_it(out: Path) -> None:
    assert main(["report", f"{out}"]) == 0
    page = (out / "report.html").read_text()
    assert "What depends on what" in page
    for said in ("Dependency map", "Its controls", "hairpin", "Chunks taken out", "a Markov model"):
        assert said in page
    assert page.count("data:image/png;base64,") == 4


def test_tracks_have_the_values_of_the_table(inputs: Path) -> None:
    pytest.importorskip("pyBigWig")
    import pyBigWig

    out = inputs / "tracks"
    assert run(inputs, out, "--bigwig", "--shuffles", "0", "--no-twin") == 0
    found = read_result(out / "explanation.json", Explanation)
    assert found.bases is not None
    assert {own.of for own in found.controls} == {"markov"}
    for name in ("gradient", "integrated", "mutagenesis"):
        with pyBigWig.open(f"{out / name}.bw") as file:
            values = file.values("c1", 100, 120)
            assert np.isnan(file.values("c1", 0, 100)).all()
        assert values == pytest.approx(getattr(found.bases, name), abs=1e-5)


def test_a_stopped_run_goes_on(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hnet_seq.tasks.explaining import work

    out, calls, stops_at = inputs / "stopped", list[Any](), 4
    real = work.rows_of

    def few(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == stops_at:
            raise KeyboardInterrupt
        return real(*args)

    options = ("--shuffles", "1", "--no-twin")
    with monkeypatch.context() as patch:
        patch.setattr(work, "rows_of", few)
        assert run(inputs, out, *options) == 130
    assert (out / "explanation.json.ranks").exists()
    count = len(calls)
    stops_at = 0
    with monkeypatch.context() as patch:
        patch.setattr(work, "rows_of", few)
        assert run(inputs, out, *options) == 0
    assert len(calls) - count == 8 - 3  # two maps on two strands, two blocks each
    assert run(inputs, inputs / "at_once", *options) == 0
    for path in out.iterdir():
        assert path.read_bytes() == (inputs / "at_once" / path.name).read_bytes(), path.name


def test_half_a_map_and_no_baselines(inputs: Path) -> None:
    out = inputs / "half"
    words = ("--strands", "none", "--baselines", "0", "--shuffles", "1", "--no-twin")
    assert run(inputs, out, *words) == 0
    found = read_result(out / "explanation.json", Explanation)
    assert found.dependencies.reads == "forward"
    assert {row["strand"] for row in rows_of(out / "dependencies.tsv")} == {"+"}
    assert found.bases is not None
    assert found.change is None
    assert set(found.bases.integrated) == {None}
    assert main(["report", f"{out}"]) == 0


def test_a_masked_model_has_a_map_alone(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = HNetForMaskedLM(shape(bidirectional=True))
    model.metadata["modality"] = "dna"
    model.save_pretrained(inputs / "masked")
    words = [f"{inputs / 'masked'}", f"{inputs / 'g.fa'}", *REGION, "--out", f"{inputs / 'both'}"]
    assert main(["explain", *words, "--shuffles", "1"]) == 0
    assert not (inputs / "both" / "bases.tsv").exists()
    assert {row["strand"] for row in rows_of(inputs / "both" / "dependencies.tsv")} == {"."}
    assert main(["report", f"{inputs / 'both'}"]) == 0
    capsys.readouterr()
    for vain in (["--bigwig"], ["--strands", "none"], ["--baselines", "3"], ["--steps", "9"]):
        assert main(["explain", *words, *vain]) == 2
        said = capsys.readouterr().err
        assert f"{vain[0]}: is for a causal model; " in said
        assert "masked model" in said


def test_a_masked_model_that_is_known_late_is_refused_all_the_same(
    inputs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one on the hub, whose configuration is not here before it is loaded."""
    monkeypatch.setattr("hnet_seq.commands.explain.shape_here", lambda _: None)
    model = HNetForMaskedLM(shape(bidirectional=True))
    model.metadata["modality"] = "dna"
    model.save_pretrained(inputs / "late")
    files = [f"{inputs / 'late'}", f"{inputs / 'g.fa'}"]
    words = ["explain", *files, *REGION, "--out", f"{inputs / 'never'}"]
    pytest.importorskip("pyBigWig")
    assert main([*words, "--bigwig"]) == 2
    assert "--bigwig: is for a causal model; " in capsys.readouterr().err
    assert not (inputs / "never").exists()


def test_steps_without_baselines_are_refused(
    inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [f"{inputs / 'run'}", f"{inputs / 'g.fa'}"]
    words = ["explain", *files, *REGION, "--out", f"{inputs / 'never'}"]
    assert main([*words, "--baselines", "0", "--steps", "7"]) == 2
    assert "--steps: means nothing beside --baselines 0" in capsys.readouterr().err


def test_what_has_nothing_beside_it_is_said(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No control; pairs of unknown bases; pairs that fill the region; pairs without a name."""
    letters = f"{RECORD[:103]}NN{RECORD[105:]}"
    (tmp_path / "g.fa").write_text(f">c1\n{letters}\n")
    rows = ["c1\t103\t105\tc1\t112\t114\tlost\t.\t+\t-"]
    rows += ["c1\t100\t102\tc1\t118\t120\tfull\t.\t+\t-"]
    rows += ["# no name", "c1\t106\t108\tc1\t112\t114", "c1\t106\t108\tc1\t115\t117"]
    (tmp_path / "p.bedpe").write_text("\n".join(rows) + "\n")
    out = tmp_path / "o"
    words = [f"{inputs / 'run'}", f"{tmp_path / 'g.fa'}", *REGION, "--out", f"{out}"]
    few = ["--baselines", "0", "--shuffles", "0", "--no-twin", "--device", "cpu"]
    assert main(["explain", *words, *few, "--pairs", f"{tmp_path / 'p.bedpe'}"]) == 0
    said = capsys.readouterr().out
    assert "beside no shuffled sequence and no twin" in said
    assert "lost, model: no pair of known bases\n" in said
    assert "no other place in the region" in next(
        line for line in said.splitlines() if line.startswith("full, model")
    )
    found = read_result(out / "explanation.json", Explanation)
    unnamed = {own.name: own.pairs for own in found.of_pairs if "with" in own.name}
    assert unnamed == {"107-108 with 113-114": 4, "107-108 with 116-117": 4}
    lost = next(own for own in found.of_pairs if own.name == "lost")
    assert (lost.pairs, lost.mean, lost.p_region, lost.p_element) == (0, None, None, None)
    assert main(["report", f"{out}"]) == 0
    assert "beside no shuffled sequence" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("c1\t104\t108\tc1\t112\n", "line 2: 5 columns; BEDPE has"),
        ("c1\t104\t108\tc1\t112\tx\n", "expected whole numbers"),
        ("c1\t108\t104\tc1\t112\t116\n", "an end is not behind its start"),
        ("c1\t104\t108\tc1\t106\t116\n", "the two stretches overlap"),
        ("c1\t104\t108\tc1\t112\t115\ts\t.\t+\t-\n", "have two lengths"),
        ("c1\t104\t108\tc1\t112\t116\ts\t.\t+\tx\n", "the strand is 'x'"),
        ("c9\t104\t108\tc1\t112\t116\n", "no record 'c9'"),
        ("c1\t4\t8\tc1\t12\t16\n", "has no pairs within c1:101-120"),
        ("c1\t104\t108\tc1\t112\t999\n", "lies beyond c1"),
        (STEM * 2, "line 3: has a pair of line 2, of the same name"),
        (
            "c1\t104\t106\tc1\t112\t116\tx\nc1\t113\t115\tc1\t102\t105\tx\n",
            "line 3: has a pair of line 2",
        ),
        ("", "has no pairs"),
    ],
)
def test_pairs_that_are_none_are_refused(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: str, said: str
) -> None:
    (tmp_path / "p.bedpe").write_text(f"# pairs\n{lines}")
    assert run(inputs, tmp_path / "o", "--pairs", f"{tmp_path / 'p.bedpe'}") == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_regions_without_a_map_are_refused(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "g.fa").write_text(f">n\nACG{'N' * 30}\n>long\n{'ACGT' * 300}\n")
    for region, code, said in (
        ("n:3-20", 1, "has not two known bases"),
        ("n:3-3", 2, "--region: is 1 bases; a map is of 2 to 1,000"),
        ("long", 2, "--region: is 1,200 bases"),
    ):
        words = [f"{inputs / 'run'}", f"{tmp_path / 'g.fa'}", "--region", region]
        assert main(["explain", *words, "--out", f"{tmp_path / 'o'}"]) == code
        assert said in capsys.readouterr().err


def test_a_damaged_record_is_refused(out: Path, tmp_path: Path) -> None:
    content = json.loads((out / "explanation.json").read_text())
    for change, said in (
        ({"reference": content["reference"][1:]}, "'reference'"),
        ({"bases": {**content["bases"], "own": [0.0]}}, "'own'"),
        ({"dependencies": {**content["dependencies"], "values": "AAAA"}}, "'values'"),
    ):
        (tmp_path / "e.json").write_text(json.dumps({**content, **change}))
        with pytest.raises(ValueError, match=said):
            read_result(tmp_path / "e.json")


def test_the_markov_control_is_counted_on_the_genome(inputs: Path, out: Path) -> None:
    found = read_result(out / "explanation.json", Explanation)
    order = count_markov(inputs / "g.fa").order
    (own,) = (own for own in found.controls if own.of == "markov")
    assert (own.order, own.counted_without) == (order, True)
    assert "of the genome, counted without this window" in explanation_section(found)
    other = [dataclasses.replace(x, counted_without=False) for x in found.controls]
    page = explanation_section(dataclasses.replace(found, controls=other))
    assert "counted without" not in page
    assert "this sequence may have been counted" in page
