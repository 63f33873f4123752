"""``hnet-seq lexicon``: what it counts, beside loops; planted words; what it writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.analysis.lexicon import words as spilled
from hnet_seq.analysis.shuffle import shuffle_record
from hnet_seq.cli import main
from hnet_seq.report.page import build_results_page
from hnet_seq.results.lexicon import CHUNKS, TOKENIZER
from hnet_seq.tasks.segment import segment
from hnet_seq.tasks.segmentation.records import RecordBoundaries
from modalities import dna
from tests.tasks.lexicon_runs import cut_after_t, lexicon, record_of, rows_of, ruled
from tests.tasks.test_segment import make_model

PLANTED = ["ACGGCAGGACT", "GGCACCGAAGCT", "CAGCAAAGGT"]
LISTED = 400


@pytest.fixture(scope="module")
def after_t(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_after_t(tmp_path_factory.mktemp("rule") / "model")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random letters, with three words a hundred times each, as chunks."""
    random = np.random.default_rng(4)
    letters = list("".join(random.choice(list("ACGT"), 60_000)))
    places = random.choice(59_900 // 20, 100 * len(PLANTED), replace=False) * 20
    for index, place in enumerate(places.tolist()):
        word = f"T{PLANTED[index % len(PLANTED)]}A"
        letters[place : place + len(word)] = word
    path = tmp_path_factory.mktemp("planted") / "planted.fa"
    path.write_text(f">a\n{''.join(letters)}\n")
    return path


def test_planted_words_are_found_and_lead_all_others(
    after_t: Path, planted: Path, tmp_path: Path
) -> None:
    lexicon(after_t, planted, "--out", tmp_path / "out", "--no-bpe", "--vocabulary", LISTED)
    (stage,) = record_of(tmp_path / "out").stages
    assert {word.word for word in stage.beyond[:3]} == set(PLANTED)
    assert stage.found is not None
    assert 3 <= stage.found <= 5
    for word in stage.beyond[:3]:
        assert word.count >= 100
        assert word.to_shuffled is not None
        assert word.to_shuffled > 20
        assert word.q is not None
        assert word.q < 1e-9


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_shuffled_genome_has_no_words_beyond_chance(
    after_t: Path, planted: Path, tmp_path: Path, seed: int
) -> None:
    letters = planted.read_text().split("\n")[1]
    random = np.random.default_rng([7, seed])
    shuffled = dna.decode(shuffle_record(dna.encode(letters), random))
    (tmp_path / "g.fa").write_text(f">a\n{shuffled}\n")
    out = tmp_path / "out"
    lexicon(after_t, tmp_path / "g.fa", "--out", out, "--no-bpe", "--vocabulary", LISTED)
    (stage,) = record_of(out).stages
    assert stage.tested is not None
    assert stage.tested > 1000
    assert stage.found == 0


GENES = "chr1\tx\tCDS\t31\t330\t.\t+\t0\tID=a\nchr1\tx\tCDS\t401\t700\t.\t-\t0\tID=b\n"


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A model that has its own mind, a genome with unknown bases, and genes."""
    folder = tmp_path_factory.mktemp("two")
    make_model(["m1", ["m1", ["m1"], "m1"], "m1"]).save_pretrained(folder / "model")
    random = np.random.default_rng(0)
    records = ["".join(random.choice(list("ACGT"), n)) for n in (1500, 90, 1, 700)]
    records[3] = f"{records[3][:200]}NNNNN{records[3][200:]}"
    text = "".join(f">chr{i}\n{own}\n" for i, own in enumerate(records, 1))
    (folder / "genome.fa").write_text(text)
    (folder / "genes.gff").write_text(f"##gff-version 3\n{GENES}")
    return folder / "model", folder / "genome.fa", folder / "genes.gff"


@pytest.fixture(scope="module")
def counted(
    two_stages: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[RecordBoundaries], Path]:
    """Where `segment` cuts, and what `lexicon` made of it."""
    model, genome, genes = two_stages
    out = tmp_path_factory.mktemp("counted") / "out"
    lexicon(model, genome, "--features", genes, "--out", out, "--vocabulary", 60)
    return list(segment(HNetForCausalLM.from_pretrained(model, "cpu"), genome)), out


def chunks_of(records: Sequence[RecordBoundaries], stage: int) -> list[tuple[int, int, int]]:
    """Record, start and end of all."""
    found = []
    for index, record in enumerate(records):
        places = [*np.flatnonzero(record.mask(stage)).tolist(), len(record.tokens)]
        found += [(index, start, end) for start, end in pairwise(places)]
    return found


@pytest.mark.parametrize("stage", [0, 1])
def test_every_number_of_a_word_is_what_a_loop_counts(
    counted: tuple[list[RecordBoundaries], Path], stage: int
) -> None:
    records, out = counted
    texts = [dna.decode(record.tokens) for record in records]
    chunks = [own for own in chunks_of(records, stage) if "N" not in texts[own[0]][own[1] : own[2]]]
    count = Counter(texts[i][a:b] for i, a, b in chunks)
    rows = [row for row in rows_of(out / "words.tsv") if row["stage"] == f"{stage}"]
    assert [row["word"] for row in rows] == sorted(count, key=lambda w: (-count[w], w))[:60]
    cut = {(i, a) for i, a, _ in chunks_of(records, stage)}
    context = naive_context(texts, cut)
    inner = {(i, a) for i, a, _ in chunks_of(records, stage - 1)} if stage else set()
    for row in rows:
        word = row["word"]
        own = [(i, a, b) for i, a, b in chunks if texts[i][a:b] == word]
        places = [
            (i, start)
            for i, text in enumerate(texts)
            for start in range(len(text))
            if text.startswith(word, start)
        ]
        assert int(row["count"]) == len(own)
        assert int(row["occurrences"]) == len(places)
        assert float(row["one_chunk"]) == pytest.approx(len(own) / len(places), rel=1e-4)
        expected = sum(chance(context, texts, i, a, a + len(word)) for i, a in places)
        assert float(row["expected_by_context"]) == pytest.approx(expected, rel=1e-4)
        mirrored = word.translate(str.maketrans("ACGT", "TGCA"))[::-1]
        assert row["reverse_complement"] == mirrored
        assert int(row["reverse_complement_count"]) == count[mirrored]
        if word != mirrored:
            share = count[word] / (count[word] + count[mirrored])
            assert float(row["forward_share"]) == pytest.approx(share, rel=1e-4)
        before = Counter(texts[i][a - 1] for i, a, _ in own if a)
        if before:
            assert before[row["before"]] == max(before.values())
        frames = Counter(frame(i, a) for i, a, _ in own)
        for name in ("+1", "+2", "+3", "-1", "-2", "-3"):
            assert int(row[f"codon_{name}"]) == frames[name]
        assert int(row["in_coding"]) == sum(frames.values()) - frames[""]
        if stage:
            ways = Counter(
                "\u2502".join(
                    texts[i][x:y]
                    for x, y in pairwise([a, *(p for p in range(a + 1, b) if (i, p) in inner), b])
                )
                for i, a, b in own
            )
            assert ways[row["parts"]] == max(ways.values())
            share = ways[row["parts"]] / len(own)
            assert float(row["parts_share"]) == pytest.approx(share, rel=1e-4)


def frame(record: int, base: int) -> str:
    if record == 0 and 30 <= base < 330:
        return f"+{(base - 30) % 3 + 1}"
    if record == 0 and 400 <= base < 700:
        return f"-{(699 - base) % 3 + 1}"
    return ""


def naive_context(texts: Sequence[str], cut: set[tuple[int, int]]) -> dict[str, float]:
    """Cuts per base by the three letters that end there; "" where one is not known."""
    cuts, bases = Counter[str](), Counter[str]()
    for i, text in enumerate(texts):
        for base in range(1, len(text)):
            if text[base] != "N":
                bases[key(text, base)] += 1
                cuts[key(text, base)] += (i, base) in cut
    return {own: min(max(cuts[own] / bases[own], 1e-9), 1 - 1e-9) for own in bases}


def key(text: str, base: int) -> str:
    letters = text[max(base - 2, 0) : base + 1]
    return letters if len(letters) == 3 and "N" not in letters else ""


def chance(context: dict[str, float], texts: Sequence[str], i: int, start: int, end: int) -> float:
    text = texts[i]
    found = 1.0 if start == 0 else context[key(text, start)]
    for base in range(start + 1, end):
        found *= 1 - context[key(text, base)]
    return found * (1.0 if end == len(text) else context.get(key(text, end), 0.0))


def test_the_record_says_what_all_chunks_are(
    counted: tuple[list[RecordBoundaries], Path],
) -> None:
    records, out = counted
    found = record_of(out)
    assert found.letters == sum(len(record.tokens) for record in records)
    for stage in found.stages:
        texts = [dna.decode(record.tokens) for record in records]
        chunks = [texts[i][a:b] for i, a, b in chunks_of(records, stage.stage)]
        known = [own for own in chunks if "N" not in own]
        assert (stage.chunks, stage.left_out) == (len(known), len(chunks) - len(known))
        assert stage.letters == sum(map(len, known))
        assert stage.distinct == len(set(known))
        assert stage.once == sum(count == 1 for count in Counter(known).values())
        assert sum(stage.lengths.values()) == len(known)
        ways = {way.way: way for way in stage.ways}
        assert ways[CHUNKS].chunks_given_back == ways[CHUNKS].cuts_given_back == 1
        assert ways["chunks in random order"].words == ways[CHUNKS].words
        assert all(way.letters == ways[CHUNKS].letters for way in stage.ways)
    assert "Lexicon of chunks" in build_results_page(out)


def test_the_tokenizer_is_what_its_file_says_of_it(
    counted: tuple[list[RecordBoundaries], Path],
) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    records, out = counted
    found = record_of(out)
    for stage in found.stages:
        assert stage.tokenizer is not None
        path = out / stage.tokenizer.file
        loaded = tokenizers.Tokenizer.from_file(f"{path}")
        said = json.loads(path.read_text())["model"]["hnet_seq"]
        chunks = back = 0
        for record in records:
            text = dna.decode(record.tokens)
            for first, last in ((0, len(text)),) if "N" not in text else ((0, 200), (205, 705)):
                part = text[first:last].lower().replace("t", "u")
                tokens = loaded.encode(part).tokens
                assert "".join(tokens) == text[first:last]
                edges = np.cumsum([0, *map(len, tokens)]).tolist()
                inside = np.flatnonzero(record.mask(stage.stage)[first:last])
                own = list(pairwise(sorted({0, *inside.tolist(), last - first})))
                chunks += len(own)
                back += len(set(own) & set(pairwise(edges)))
        assert said["chunks_given_back"] == pytest.approx(back / chunks, abs=1e-6)
        assert stage.tokenizer.chunks_given_back == said["chunks_given_back"]
        way = next(way for way in stage.ways if way.way == TOKENIZER)
        assert way.vocabulary == stage.listed == stage.tokenizer.vocabulary


def test_files_are_the_same_by_two_processes_and_by_way_of_spilled_counts(
    two_stages: tuple[Path, Path, Path],
    counted: tuple[list[RecordBoundaries], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, genome, genes = two_stages
    words = [model, genome, "--features", genes, "--vocabulary", "60", "--out"]
    before = {path.name: path.read_bytes() for path in counted[1].iterdir()}
    monkeypatch.setattr(spilled.WordCounts.__init__, "__defaults__", (5,))
    monkeypatch.setattr(spilled, "_NEW_ROWS", 10)
    lexicon(*words, tmp_path / "spilled")
    assert {path.name: path.read_bytes() for path in (tmp_path / "spilled").iterdir()} == before
    monkeypatch.undo()
    # One of two ranks does what nobody else does.
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    lexicon(*words, tmp_path / "ranked")
    after = {path.name: path.read_bytes() for path in (tmp_path / "ranked").iterdir()}
    assert after.pop("lexicon.json.ranks.json")
    assert after == before
    # Queued again it does nothing; with another vocabulary the words are others.
    table = tmp_path / "ranked" / "words.tsv"
    made = table.stat().st_mtime_ns
    lexicon(*words, tmp_path / "ranked")
    assert table.stat().st_mtime_ns == made
    words[words.index("60")] = "40"
    lexicon(*words, tmp_path / "ranked")
    assert len(table.read_bytes()) < len(before["words.tsv"])


def test_a_region_is_counted_without_the_chunks_that_its_ends_cut(
    two_stages: tuple[Path, Path, Path],
    counted: tuple[list[RecordBoundaries], Path],
    tmp_path: Path,
) -> None:
    model, genome, _ = two_stages
    options = ("--region", "chr1:101-900", "--format", "parquet", "--no-bpe")
    lexicon(model, genome, "--out", tmp_path, *options)
    first = counted[0][0]
    text = dna.decode(first.tokens)
    inside = [own for own in chunks_of([first], 0) if own[1] >= 100 and own[2] <= 900]
    count = Counter(text[a:b] for _, a, b in inside)
    table = pq.read_table(tmp_path / "words.parquet").to_pylist()
    found = {row["word"]: row["count"] for row in table if row["stage"] == 0}
    # The last chunk ends at the region's end only if the next one was seen to begin there.
    missing = count - Counter(found)
    assert not Counter(found) - count
    assert sum(missing.values()) <= 1
    assert not (tmp_path / "tokenizer.stage0.json").exists()


def test_enriched_words_stand_in_the_table_of_features(after_t: Path, tmp_path: Path) -> None:
    """A word that is planted in one kind of feature, and another one everywhere."""
    random = np.random.default_rng(8)
    letters = random.choice(list("ACGT"), 150_000)
    rows = []
    for start in range(0, 150_000, 500):
        inside = start // 500 % 2 == 0
        if inside:
            rows.append(f"a\t{start}\t{start + 500}\n")
        for place in (100, 300):
            for word, wanted in (("TGCCAGCAT", inside), ("TCGAAGGCT", True)):
                if wanted:
                    at = start + place + (50 if word == "TCGAAGGCT" else 0)
                    letters[at : at + 10] = list(f"{word}A")
    (tmp_path / "g.fa").write_text(f">a\n{''.join(letters)}\n")
    (tmp_path / "f.bed").write_text("".join(rows))
    features = f"half={tmp_path / 'f.bed'}"
    out = tmp_path / "out"
    lexicon(after_t, tmp_path / "g.fa", "--features", features, "--out", out, "--no-bpe")
    (stage,) = record_of(out).stages
    assert stage.enriched[0].word == "GCCAGCAT"
    assert stage.enriched[0].kind == "half"
    assert stage.enriched[0].to_shifted == pytest.approx(2, abs=0.1)
    assert all(row.word != "CGAAGGCT" for row in stage.enriched)
    by_word = {row["word"]: row for row in rows_of(out / "features.tsv")}
    assert float(by_word["CGAAGGCT"]["to_shifted"]) == pytest.approx(1, abs=0.1)
    # Where the string stands says where its chunks are: the context expects as much.
    assert float(by_word["GCCAGCAT"]["to_context"]) == pytest.approx(1, abs=0.05)


def test_of_text_it_shows_words_and_of_chinese_characters(tmp_path: Path) -> None:
    words = ruled(
        tmp_path / "words", "text", {"policy": "delimiters", "tokens": [32, 10]}, vocabulary=256
    )
    (tmp_path / "t.txt").write_text("the cat saw x_1 == 42 and\tthe c\u00e4t \\ ...\n" * 30)
    lexicon(words, tmp_path / "t.txt", "--out", tmp_path / "out")
    (stage,) = record_of(tmp_path / "out").stages
    rows = {row["word"]: row for row in rows_of(tmp_path / "out" / "words.tsv")}
    assert rows["saw "]["count"] == "30"
    assert {rows[w]["kind"] for w in ("cat ", "x_1 ", "c\u00e4t ")} == {"word or identifier"}
    assert rows["and\\tthe "]["kind"] == "several words"
    assert rows["== "]["kind"] == rows["\\\\ "]["kind"] == "operator or punctuation"
    assert rows["42 "]["kind"] == "number"
    assert rows["...\\n"]["count"] == "30"
    assert stage.found is None
    assert stage.tokenizer is not None
    assert stage.tokenizer.chunks_given_back == 1
    page = build_results_page(tmp_path / "out")
    assert "word or identifier" in page
    assert f"Kinds of the {stage.listed} words that are listed. Shares are of all chunks" in page
    by_three = {"policy": "stride", "every": 3, "phase": 1}
    characters = ruled(tmp_path / "characters", "text", by_three, vocabulary=256)
    (tmp_path / "c.txt").write_text("\u5c71\u6c34\u6708\u5c71" * 40)
    lexicon(characters, tmp_path / "c.txt", "--out", tmp_path / "chinese")
    (stage,) = record_of(tmp_path / "chinese").stages
    assert [(word.word, word.count) for word in stage.words] == [
        ("\u5c71", 80), ("\u6708", 40), ("\u6c34", 40)
    ]  # fmt: skip
    assert [kind.kind for kind in stage.kinds] == ["one character of several bytes"]


@pytest.mark.parametrize("given", ["coding=f.bed", "coding.bed", "types.gff"])
def test_a_kind_named_as_a_region_of_genes_is_refused(
    two_stages: tuple[Path, Path, Path], tmp_path: Path, capsys: Any, given: str
) -> None:
    model, genome, genes = two_stages
    name, _, file = given.rpartition("=")
    row = "chr1\tx\tintergenic\t11\t20\t.\t+\t.\tID=c\n"
    content = row if given == "types.gff" else "chr1\t10\t20\n"
    (tmp_path / file).write_text(content)
    source = f"{name}={tmp_path / file}" if name else f"{tmp_path / file}"
    for pair in ([source, f"{genes}"], [f"{genes}", source]):
        features = [word for own in pair for word in ("--features", own)]
        words = ["lexicon", f"{model}", f"{genome}", *features, "--out", f"{tmp_path / 'out'}"]
        assert main([*words, "--device", "cpu"]) == 2
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert "is what the genes give" in said
        assert file in said
