"""Sessions of genome browsers: what they name is there, and of the kinds that browsers know."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.tasks.segmentation.viewers import Track, check_browsable, write_igv, write_jbrowse
from modalities.errors import InputError
from tests.tasks.test_segment import saved
from tests.tasks.test_segment_files import genome, model, run

__all__ = ["genome", "model"]  # fixtures

GFF = (
    "##gff-version 3\n"
    "chr|1.1\tx\tgene\t11\t40\t.\t+\t.\tID=g1\n"
    "chr|1.1\tx\tCDS\t11\t40\t.\t+\t0\tID=c1;Parent=g1\n"
)
# Adapters of JBrowse 4.1 and the keys of their files, from its packages on npm.
ADAPTERS = {
    "BedAdapter": {"bedLocation"},
    "BigWigAdapter": {"bigWigLocation"},
    "Gff3Adapter": {"gffLocation"},
    "UnindexedFastaAdapter": {"fastaLocation"},
    "IndexedFastaAdapter": {"fastaLocation", "faiLocation"},
    "BgzipFastaAdapter": {"fastaLocation", "faiLocation", "gziLocation"},
    "TwoBitAdapter": {"twoBitLocation"},
}


def adapters(page: dict) -> list[dict]:
    return [page["assemblies"][0]["sequence"]["adapter"], *(t["adapter"] for t in page["tracks"])]


def test_segment_writes_sessions_beside_its_tracks(
    tmp_path: Path, model: HNetForCausalLM, genome: Path
) -> None:
    pytest.importorskip("pyBigWig")
    (tmp_path / "views").mkdir()
    (tmp_path / "genes.gff").write_text(GFF)
    places = {name: tmp_path / name for name in ("c.bed", "p.bw", "genes.gff", "out")}
    run(
        *(saved(model, tmp_path), genome, "--region", "chr|1.1:1-200"),
        *("--bed", places["c.bed"], "--bigwig", places["p.bw"]),
        *("--annotation", places["genes.gff"], "--out", places["out"]),
        *("--igv", tmp_path / "views/s.xml", "--jbrowse", tmp_path / "views/config.json"),
    )
    session = ElementTree.parse(tmp_path / "views/s.xml").getroot()
    assert (session.tag, session.attrib["version"]) == ("Session", "8")
    page = json.loads((tmp_path / "views/config.json").read_text())
    named = [session.attrib["genome"], *(r.attrib["path"] for r in session.iter("Resource"))]
    named += [place["uri"] for own in adapters(page) for key, place in own.items() if key != "type"]
    assert len(named) == 8
    for path in named:
        assert (tmp_path / "views" / path).is_file(), path
    assert [r.attrib["type"] for r in session.iter("Resource")] == ["bw", "bed", "gff3"]
    for own in adapters(page):
        assert ADAPTERS[own.pop("type")] == set(own)
    view = page["defaultSession"]["views"][0]["init"]
    shown = {track["trackId"] for track in page["tracks"]}
    assert shown < set(view["tracks"])
    assert view["loc"] == session.attrib["locus"]


@pytest.mark.parametrize(
    ("indexes", "head", "adapter"),
    [
        ((), b">a\nACGT\n", "UnindexedFastaAdapter"),
        ((".fai",), b">a\nACGT\n", "IndexedFastaAdapter"),
        ((".fai", ".gzi"), b"\x1f\x8b\x08\x04" + b"\0" * 6 + b"\6\0BC\2\0", "BgzipFastaAdapter"),
        ((), bytes.fromhex("4327411a") + b"\0" * 12, "TwoBitAdapter"),
    ],
)
def test_the_adapter_is_that_of_the_genome(
    tmp_path: Path, monkeypatch, indexes: tuple[str, ...], head: bytes, adapter: str
) -> None:
    path = tmp_path / "g"
    path.write_bytes(head)
    for end in indexes:
        (tmp_path / f"g{end}").write_text("")
    kind = "2bit" if adapter == "TwoBitAdapter" else "fasta"
    monkeypatch.setattr("hnet_seq.tasks.segmentation.viewers.sequence_format", lambda _: kind)
    write_jbrowse(tmp_path / "c.json", path, "a", [Track(tmp_path / "x.bed", "x", "bed")])
    found = adapters(json.loads((tmp_path / "c.json").read_text()))[0]
    assert found.pop("type") == adapter
    assert set(found) == ADAPTERS[adapter]


def test_what_browsers_cannot_read_is_said_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "g.fa.gz"
    path.write_bytes(gzip.compress(b">a\nACGT\n"))
    with pytest.raises(InputError, match=r"is gzip, of which browsers cannot read a place"):
        check_browsable(path)


def test_names_with_marks_of_xml_come_back(tmp_path: Path) -> None:
    (tmp_path / "a&b.fa").write_text(">x\nACGT\n")
    write_igv(tmp_path / "s.xml", tmp_path / "a&b.fa", 'gi|1"<', [])
    root = ElementTree.parse(tmp_path / "s.xml").getroot()
    assert (root.attrib["genome"], root.attrib["locus"]) == ("a&b.fa", 'gi|1"<')


def test_a_session_needs_tracks_and_its_suffix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    command = ["segment", "genomes-tiny", f"{tmp_path / 'g.fa'}"]
    assert main([*command, "--chunks", "c.tsv", "--igv", "s.xml"]) == 2
    assert "--igv: opens what --bed and --bigwig write" in capsys.readouterr().err
    assert main([*command, "--bed", "c.bed", "--jbrowse", "s.xml"]) == 2
    assert "--jbrowse: s.xml should end in .json" in capsys.readouterr().err
