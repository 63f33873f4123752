"""JSON under any name and in any layout is records, or refused; never text to learn."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from modalities.errors import InputError
from pipelines.documents import Document, DocumentOptions, plan_units, read_unit
from pipelines.documents import json_layout as layouts

TEXTS = ["one\nline", 'two "quoted" {x}', "drei ä", "[4]"]
RECORDS = [{"text": text, "n": {"a": [1, {"b": 2}]}} for text in TEXTS]
LAYOUTS = {
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "lines with CRLF and blank lines": "\r\n\r\n" + "\r\n".join(map(json.dumps, RECORDS)) + "\r\n",
    "an array": json.dumps(RECORDS),
    "an array over lines": json.dumps(RECORDS, indent=1),
    "an array of lines": "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
    "objects over lines": "\n".join(json.dumps(record, indent=2) for record in RECORDS),
    "objects without line ends": "".join(map(json.dumps, RECORDS)),
    "arrays on lines": f"{json.dumps(RECORDS[:2])}\n{json.dumps(RECORDS[2:])}\n",
}


def read(path: Path, modality: str = "text", **options: str) -> list[str]:
    chosen = DocumentOptions(modality=modality, duplicates="keep", **options)  # type: ignore[arg-type]
    found = (
        each for unit in plan_units([path], modality=modality) for each in read_unit(unit, chosen)
    )
    return [each.data.decode() for each in found if isinstance(each, Document)]


@pytest.mark.parametrize(
    "name", ["a.json", "a.json.gz", "a.ndjson", "a.jsonl.zst", "part-0", "a.txt"]
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_under_every_name_gives_the_records(
    layout: str, name: str, tmp_path: Path
) -> None:
    data = LAYOUTS[layout].encode()
    pack = {".gz": gzip.compress, ".zst": lambda x: pa.compress(x, "zstd", asbytes=True)}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(pack.get(Path(name).suffix, bytes)(data))
    (tmp_path / "in" / "z.txt").write_text("plain text")
    assert read(tmp_path / "in") == [*TEXTS, "plain text"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_are_the_same_however_they_are_read(
    layout: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text(LAYOUTS[layout])
    plain = layouts.read_chunks
    monkeypatch.setattr(layouts, "read_chunks", lambda p, **how: plain(p, **{**how, "chunk": size}))
    assert [value for _, value in layouts.json_values(str(path))] == RECORDS


@pytest.mark.parametrize(
    "prose",
    [
        "{braces} around words\n",
        "[1] Introduction\n[2] More\n",
        "[Chapter one]\nIt was\n",
        '["Quoted," he said]\n',
        '"a string alone"\n',
        "42\n",
        "{} is empty\n",
        "[link](address)\n",
        "{ int x = 1; }\n",
    ],
)
def test_prose_is_no_json(prose: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(prose)
    assert read(tmp_path / "a") == [prose]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"title": "x"}', "line 1: no field 'text', found title; name it with `text_field`"),
        ('{\n "title": "x"\n}\n', "record 1: no field 'text', found title"),
        ('["a", "b"]', "record 1: found a string, expected an object with 'text'"),
        ('[{"text": "a"},\n{"text": }]', "after record 1, character 26: no JSON"),
        (
            '[{"text": "a"}\n{"text": "b"}]',
            "after record 1, character 16: no JSON (expected",
        ),
        ('[{"text": "a"},\n', "after record 1, character 17: no JSON"),
        ('{"text": "a"}\n{"text": b}\n', "line 2: no JSON object"),
        ('{"text": a}\n{"text": "b"}\n', "line 1: no JSON object"),
        ('[{"text": "a"}, {"text": "\xff"}]', "is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_place(
    content: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "corpus.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert says in str(raised.value)


def test_a_source_file_of_json_stays_code_and_json_lines_do_not(tmp_path: Path) -> None:
    sources = {
        "package.json": '{\n  "text": "x",\n  "name": "y"\n}\n',
        "list.json": '[\n  {"text": "x"}\n]\n',
        "one.json": '{"text": "x"}\n',
    }
    for name, content in sources.items():
        (tmp_path / name).write_text(content)
    assert sorted(read(tmp_path, "code")) == sorted(sources.values())
    lines = '{"text": "def f(): pass", "path": "f.py"}\n{"text": "int x;", "path": "x.c"}\n'
    for name in ("train.json.gz", "part-0"):
        packed = gzip.compress(lines.encode()) if name.endswith("gz") else lines.encode()
        (tmp_path / name).write_bytes(packed)
    found = read(tmp_path, "code")
    assert [text for text in found if "text" not in text] == ["def f(): pass", "int x;"] * 2
