"""A data set in two folders of shards: to learn from and choose by, and to test on.

What docs/results.md and docs/mixed_run.md hold out is cut in two. The half that lies next to the
training data, or of documents those with the larger hash, is the validation split of ``learn``; the
other half is all of ``test``, which nothing reads before :mod:`studies.learned_cuts.scoring` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from hnet_seq.cli import main as hnet_seq
from modalities import dna
from modalities.errors import InputError
from pipelines.formats.sequence_files import read_records
from pipelines.shards.document_split import DocumentSplit
from pipelines.shards.split import plan_split
from pipelines.storage.compression import read_chunks
from pipelines.storage.files import replaced_stream

from .design import ROOT, DataSet

PARTS = ("learn", "test")
_LINE = 80  # bases of a line of FASTA


def shards(data: DataSet, state: Path, given: Path | None) -> dict[str, Path]:
    """The folders of shards of a data set, made where they are not there yet.

    Args:
        state: the study's folder.
        given: below which inputs are that the checkout does not have.

    Raises:
        InputError: an input is missing.
    """
    folder = state / "data" / data.name
    found = {part: folder / part for part in PARTS}
    if not all(path.is_dir() for path in found.values()):
        made = _cut(data, [_find(name, given) for name in data.inputs], folder)
        for part, (path, spec) in made.items():
            if not found[part].is_dir():
                asked = ["--validation", spec] if spec else []
                _call("shard", path, "--modality", data.modality, "--out", found[part], *asked)
        for path, _ in made.values():
            path.unlink()
    return found


def _call(*words: object) -> None:
    code = hnet_seq([f"{word}" for word in words])
    if code:
        raise SystemExit(code)


def _find(name: str, given: Path | None) -> Path:
    for folder in (ROOT, given):
        if folder is not None and (folder / name).is_file():
            return folder / name
    raise InputError(name, "is neither in the checkout nor below --data; name its folder there")


def _cut(data: DataSet, inputs: list[Path], folder: Path) -> dict[str, tuple[Path, str]]:
    """Of each part its file, and what ``--validation`` says of it."""
    folder.mkdir(parents=True, exist_ok=True)
    cut = {"dna": _cut_genome, "code": _cut_documents, "text": _cut_text}[data.modality]
    return cut(inputs, data.held_out, folder)


def _cut_genome(inputs: list[Path], share: float, folder: Path) -> dict[str, tuple[Path, str]]:
    records = [record for path in inputs for record in read_records(path)]
    lengths = {record.name: len(record.tokens) for record in records}
    plan = plan_split(lengths, f"last:{share}")
    name, held = next(
        (name, own) for name, regions in plan.items() for own in regions if own.split != "train"
    )
    middle = (held.start + held.end) // 2
    letters = {record.name: dna.decode(record.tokens).encode() for record in records}
    test = {name: letters[name][middle:]}
    letters[name] = letters[name][:middle]
    out = {part: folder / f"{part}.fa" for part in PARTS}
    for path, kept in ((out["learn"], letters), (out["test"], test)):
        _write(path, (line for own, bases in kept.items() for line in _fasta(own, bases)))
    region = f"region:{name}:{held.start + 1}-{middle}"
    return {"learn": (out["learn"], region), "test": (out["test"], "")}


def _fasta(name: str, bases: bytes) -> Iterable[bytes]:
    yield f">{name}\n".encode()
    for start in range(0, len(bases), _LINE):
        yield bases[start : start + _LINE] + b"\n"


def _cut_text(inputs: list[Path], share: float, folder: Path) -> dict[str, tuple[Path, str]]:
    whole = b"".join(chunk for path in inputs for chunk in read_chunks(path))
    half = int(share * len(whole) / 2)
    edge = len(whole) - half
    while whole[edge] & 0xC0 == 0x80:  # not inside a character
        edge += 1
    _write(folder / "learn.txt", [whole[:edge]])
    _write(folder / "test.txt", [whole[edge:]])
    return {
        "learn": (folder / "learn.txt", f"last:{half / edge}"),
        "test": (folder / "test.txt", ""),
    }


def _cut_documents(inputs: list[Path], share: float, folder: Path) -> dict[str, tuple[Path, str]]:
    """The documents with the smallest hashes, a share of them, are held out."""
    drawn = DocumentSplit("fraction", share / 2)
    lines: dict[str, list[bytes]] = {part: [] for part in PARTS}
    for path in inputs:
        for line in filter(None, b"".join(read_chunks(path)).split(b"\n")):
            text = json.loads(line)["text"].encode("utf-8", "surrogatepass")
            lines["test" if drawn.holds_out("", text) else "learn"].append(line + b"\n")
    out = {part: folder / f"{part}.jsonl" for part in PARTS}
    for part, own in lines.items():
        _write(out[part], own)
    return {"learn": (out["learn"], f"fraction:{share}"), "test": (out["test"], "")}


def _write(path: Path, parts: Iterable[bytes]) -> None:
    with replaced_stream(path) as file:
        file.writelines(parts)
