"""JSON under any name and in any layout is records, or refused; never text to learn."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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
    "a text sequence (RFC 7464)": "".join(f"\x1e{json.dumps(record)}\n" for record in RECORDS),
    "a text sequence over lines": "".join(
        f"\x1e{json.dumps(record, indent=1)}\n" for record in RECORDS
    ),
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
        '2024-01-01 {"text": "a line of a log"}\n',
        'A manual says that a line\n{"is": 1}\nis JSON, and goes on in prose below.\n',
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
        ('# a title\n{"text": "a b c"}\n{"text": "d"}\n', "line 1: no JSON object"),
        ("# a title" * 600 + '\n{"text": "a b c"}' * 600, "line 1: no JSON object"),
        ("{'text': 'a'}\n{'text': 'b'}\n", "line 1: no JSON object (Expecting property name"),
    ],
)
@pytest.mark.parametrize("name", ["corpus.json", "corpus.txt"])
def test_what_cannot_be_read_is_refused_by_its_place(
    content: str, says: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
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
    for name in ("train.json.gz", "part-0", "notes.txt"):
        packed = gzip.compress(lines.encode()) if name.endswith("gz") else lines.encode()
        (tmp_path / name).write_bytes(packed)
    found = read(tmp_path, "code")
    assert [text for text in found if "text" not in text] == ["def f(): pass", "int x;"] * 3


def test_tables_tars_and_packed_files_are_told_by_what_they_hold(tmp_path: Path) -> None:
    table, tar = io.BytesIO(), io.BytesIO()
    pq.write_table(pa.table({"text": ["one", "two"]}), table)
    with tarfile.open(fileobj=tar, mode="w") as file:
        member = tarfile.TarInfo("k.txt")
        member.size = 5
        file.addfile(member, io.BytesIO(b"three"))
    for name, data, texts in (
        ("part-0", table.getvalue(), ["one", "two"]),
        ("samples.dat", tar.getvalue(), ["three"]),
        ("samples.bin", gzip.compress(tar.getvalue()), ["three"]),
    ):
        (tmp_path / name).write_bytes(data)
        assert read(tmp_path / name) == texts
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.txt").write_text("text")
    for name, data, says in (
        ("b.jsonl.bz2", bz2.compress(b'{"text": "a"}\n'), "is a bzip2 file; unpack it"),
        ("b.parquet.gz", gzip.compress(table.getvalue()), "is compressed Parquet; unpack it"),
    ):
        path = tmp_path / "folder" / name
        path.write_bytes(data)
        with pytest.raises(InputError, match=f"{name}: {says}"):
            read(tmp_path / "folder")
        path.unlink()


def test_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["text"] * 2), path)
    with pytest.raises(InputError, match=r"a\.parquet: 2 columns are 'text'; rename them"):
        read(path)


RECORD = json.dumps({"text": "a line that holds more letters than what stands around it"})
PROSE = {
    "an example": f"Example request:\n{RECORD}\n",
    "a dictionary of Python": "{'x': 1} is a dict, and {'y': 2} another\n",
    "an object and what it is": '{"text": 1} is an object\n{"x": 2} too\n',
    "JSON lines above prose": f"{RECORD}\n" * 60 + "Words of prose, many of them.\n" * 300,
    "other JSON lines above prose": '{"x": "y"}\n' * 3 + "prose\n",
    "an object over lines above prose": '{\n "text": "x"\n}\nis how it looks\n',
    "objects over lines above prose": '{\n "x": 1\n}\n{\n "x": 2\n}\nare two\n',
    "an array above prose": '[{"x": 1}] is an array\n',
    "a log below a title": "A log of June\n" + '{"level": "info", "message": "started"}\n' * 3,
}


@pytest.mark.parametrize("name", ["a.md", "a.txt.gz", "a.html"])
@pytest.mark.parametrize("prose", PROSE)
def test_prose_may_quote_json(prose: str, name: str, tmp_path: Path) -> None:
    content = PROSE[prose].encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert read(tmp_path / name) == [PROSE[prose]]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "part-0"])
@pytest.mark.parametrize("prose", ["an example", "JSON lines above prose", "a log below a title"])
def test_under_a_name_of_json_it_is_broken_json(prose: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(PROSE[prose])
    with pytest.raises(InputError, match=r"no JSON object|no field 'text'"):
        read(tmp_path / name)


def test_the_field_that_was_named_tells_records_from_prose(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("A title\n" + '{"body": "a line of some letters"}\n' * 2)
    found = plan_units([path], text_field="body"), plan_units([path])
    assert [unit.kind for units in found for unit in units] == ["jsonl", "files"]


def test_a_log_in_a_text_file_of_code_is_a_source_file(tmp_path: Path) -> None:
    log = '{"level": "info", "event": "start"}\n{"level": "info", "event": "stop"}\n'
    for name in ("fixture.txt", "notes.md"):
        (tmp_path / name).write_text(log)
    assert read(tmp_path, "code") == [log, log]
    (tmp_path / "log.jsonl").write_text(log)
    with pytest.raises(InputError, match=r"log\.jsonl: line 1: no field 'text'"):
        read(tmp_path, "code")
