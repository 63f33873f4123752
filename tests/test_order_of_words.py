"""Options, arguments and overrides mean the same in any order, in every verb."""

from __future__ import annotations

from argparse import Namespace
from itertools import permutations

import pytest

from hnet_seq import cli
from hnet_seq.commands.pretrain import sort_words

WORDS: dict[str, tuple[list[str], list[list[str]]]] = {
    "shard": (["a.fa", "b.fa"], [["--out", "s"], ["--guard", "0"]]),
    "audit": (["t.csv", "u.csv"], [["--out", "o"], ["--fail-on", "known"]]),
    "embed": (["run", "x.fa"], [["--out", "v.npy"], ["--level", "base"]]),
    "segment": (["run", "g.fa"], [["--bed", "c.bed"], ["--stage", "1"]]),
    "score": (["run", "v.vcf"], [["--genome", "g.fa"], ["--window", "64"]]),
    "score variants": (["run", "v.vcf"], [["--genome", "g.fa"], ["--window", "64"]]),
    "generate": (["run"], [["--prompt", "A"], ["--show-chunks"]]),
    "markov": (["s", "t"], [["--out", "m.json"], ["--one-strand"]]),
    "report": (["run"], [["--out", "r.html"]]),
    "info": (["run"], [["--context", "9"], ["--json"]]),
    "classify train": (["run"], [["--data", "t.csv"], ["--out", "o"]]),
    "classify evaluate": (["p.npz", "t.csv"], [["--split", "all"]]),
    "benchmark run": (["gue", "run"], [["--data", "d"], ["--out", "o"], ["--tasks", "a,b"]]),
    "lexicon": (["run", "g.fa"], [["--out", "o"], ["--features", "g.gff"]]),
    "explore": (["run", "g.fa"], [["--beside", "r"], ["--region", "c:1-9"], ["--port", "9"]]),
    "explain": (["run", "g.fa"], [["--region", "c:1-9"], ["--out", "o"]]),
    "boundaries enrich": (["run", "g.fa"], [["--features", "g.gff"], ["--out", "o"]]),
}


def parsed(words: list[str]) -> Namespace:
    return cli.parsed(words[0], words[1:])[1]


@pytest.mark.parametrize("verb", WORDS)
def test_any_order_is_one_request(verb: str) -> None:
    arguments, options = WORDS[verb]
    plain = parsed([*verb.split(), *arguments, *(word for option in options for word in option)])
    groups = [*([word] for word in arguments), *options]
    for order in permutations(groups):
        if [g[0] for g in order if g[0] in arguments] != arguments:
            continue  # arguments keep their own order
        found = parsed([*verb.split(), *(word for group in order for word in group)])
        drop = {"act", "_task", "needs"}
        assert {k: v for k, v in vars(found).items() if k not in drop} == {
            k: v for k, v in vars(plain).items() if k not in drop
        }, order


def test_overrides_stand_anywhere_on_the_line() -> None:
    words = [["ecoli_demo"], ["train.steps=4"], ["--data", "s"], ["--out", "r"], ["seed=1"]]
    for order in permutations(words):
        args = parsed(["pretrain", *(word for group in order for word in group)])
        sort_words(args)
        assert args.config == "ecoli_demo"
        assert sorted(args.overrides) == ["seed=1", "train.steps=4"]


def test_an_action_may_stand_after_options() -> None:
    args = parsed(["classify", "--out", "o", "train", "run", "--data", "t.csv"])
    assert (args.action, args.checkpoint, args.out) == ("train", "run", "o")
