"""Rules that are fitted to the training data: once, kept, and resumed bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from hnet_seq import HNetForCausalLM
from hnet_seq.model.boundary_policy import BoundaryPolicy
from hnet_seq.model.byte_pairs import BytePairs
from hnet_seq.model.surprise import Surprise
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.train.byte_pairs import learn_byte_pairs, learn_merges
from modalities.errors import UsageError
from tests.train.runs import make_shards, metrics, tiny, train_until_killed, weights

RULES = {
    "entropy": "{policy: entropy, orders: [1, 3], symbols: 4, rate: 0.3}",
    "surprisal": "{policy: surprisal, orders: [2, 4], symbols: 4, rate: 0.3}",
    "byte_pairs": "{policy: byte_pairs, every: 16, merges: 12}",
    "top_k": "{policy: top_k, every: 6, top: 2}",
    "snapped": "{policy: snapped, every: 3, tokens: [0]}",
    "stride of six": "{policy: stride, every: 6}",
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GATTACA again and again among random letters."""
    folder = tmp_path_factory.mktemp("shards")
    generator = torch.Generator().manual_seed(4)
    letters = torch.randint(0, 4, (600, 5), generator=generator).tolist()
    return make_shards(
        folder, "".join("".join("ACGT"[k] for k in row) + "GATTACA" for row in letters)
    )


@pytest.mark.parametrize("name", RULES)
def test_a_killed_run_goes_on_as_if_it_had_not_been(
    name: str, shards: Path, tmp_path: Path
) -> None:
    if name == "byte_pairs":
        pytest.importorskip("tokenizers")
    config = tiny("ecoli_demo", shards, f"model.boundary_policies=[{RULES[name]}]")
    pretrain(config, tmp_path / "whole", device="cpu")
    train_until_killed(config, tmp_path / "killed", 4)
    pretrain(config, tmp_path / "killed", resume=True, device="cpu")
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    stage = metrics(tmp_path / "whole")[-1]["stages"][0]
    lengths = {"byte_pairs": (1.5, 4.0), "snapped": (3.0, 6.0), "stride of six": (5.5, 6.5)}
    low, high = lengths.get(name, (2.4, 4.5))
    assert low < stage["tokens_per_chunk"] < high


def test_the_tables_are_of_the_training_data_on_both_strands(shards: Path, tmp_path: Path) -> None:
    config = tiny("ecoli_demo", shards, f"model.boundary_policies=[{RULES['surprisal']}]")
    pretrain(config, tmp_path / "run", device="cpu")
    model = HNetForCausalLM.from_pretrained(tmp_path / "run", "cpu")
    table = model.backbone.boundary_tables
    assert isinstance(table, Surprise)
    assert table.threshold > 0
    told = table.counts(torch.tensor([2, 0, 3, 0, 0]), Packing.from_lengths([5]))
    after = told[2:, 0]  # GA, AT, TA, each before the next token
    assert after[0].argmax() == 3  # GATTACA, and on the other strand TGTAATC
    assert set(after[1].topk(2).indices.tolist()) == {1, 3}
    assert set(after[2].topk(2).indices.tolist()) == {0, 1}


def test_a_run_begins_with_the_weights_of_one_that_has_counted(
    shards: Path, tmp_path: Path
) -> None:
    rule = f"model.boundary_policies=[{RULES['entropy']}]"
    pretrain(tiny("ecoli_demo", shards, rule), tmp_path / "first", device="cpu")
    after = tiny("ecoli_demo", shards, rule, f"train.init={tmp_path / 'first'}", "train.steps=1")
    assert pretrain(after, tmp_path / "next", device="cpu")


def test_words_that_come_again_are_learned_as_tokens() -> None:
    pytest.importorskip("tokenizers")
    merges = learn_merges([[2, 0, 3, 3, 0, 1, 0]] * 50, 8, 6)
    assert len(merges) == 6
    rule = BytePairs(BoundaryPolicy("byte_pairs", every=7, merges=6), 8, bidirectional=True)
    rule.set_merges(merges)
    assert rule.merges.tolist() == [list(pair) for pair in merges]
    kept = rule.merges.clone()
    learn_byte_pairs(rule, iter(()))  # it has some: those of the weights that a run begins with
    assert torch.equal(rule.merges, kept)


def test_without_tokenizers_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match=r"pip install 'hnet-seq\[bpe\]'"):
        learn_merges([[0, 1]], 8, 2)
