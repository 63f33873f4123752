"""Functions that take sequences, and words in any order."""

from __future__ import annotations

from tests.cases.case import Case


def _printed(case: Case) -> list[str]:
    return case.printed("call.py", case.model).splitlines()


def python_embed_bare_string(case: Case) -> None:
    one, two = _printed(case)
    assert one == two
    assert one.startswith("(1, ")


def python_score_strings(case: Case) -> None:
    assert _printed(case) == ["4 bases, 3 scored"] * 3
    from hnet_seq import HNetForCausalLM, score

    model = HNetForCausalLM.from_pretrained(case.model)
    letters = case.out / "one.fa"
    letters.write_text(">a\nACGT\n")
    case.right("score", case.model, letters, "--out", case.out / "s.tsv")
    told = (case.out / "s.tsv").read_text().splitlines()[1].split("\t")
    (row,) = score(model, "ACGT")
    assert abs(float(told[3]) - row.log_likelihood) < 1e-4


def python_generate_strings(case: Case) -> None:
    (line,) = _printed(case)
    assert line.startswith("1 tensor([")
    assert line.count(",") == 3


def python_segment_strings(case: Case) -> None:
    assert _printed(case) == ["1"]


def python_finetune_causal_model(case: Case) -> None:
    (line,) = _printed(case)
    assert line.startswith("InputError model: ")
    assert "HNetForSequenceClassification.from_causal_lm" in line


def options_before_arguments(case: Case) -> None:
    genome, model, out = case["genome.fa"], case.model, case.out
    variants = [case["variants.vcf"], "--window", 64]
    for name, words in (
        ("a", ["--genome", genome, *variants]),
        ("b", [*variants, "--genome", genome]),
    ):
        case.right("score", model, *map(str, words), "--out", out / f"{name}.tsv")
    assert (out / "a.tsv").read_bytes() == (out / "b.tsv").read_bytes()
    case.right("segment", model, "--bed", out / "a.bed", genome)
    case.right("segment", model, genome, "--bed", out / "b.bed")
    assert (out / "a.bed").read_bytes() == (out / "b.bed").read_bytes()
    split = ["--validation", "last:0.2"]
    shards = out / "shards"
    case.right("shard", genome, *split, case["second.fa"], "--guard", "0", "--out", shards)
    case.right(
        *("pretrain", case["tiny.yaml"], "--data", shards, "train.steps=1", "--out", out / "run")
    )
    assert "steps: 1" in (out / "run/config.yaml").read_text()
