"""``Trainer`` lowers the loss on real sequences, and holds the chunks if it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from hnet_seq import load_pretrained, ratio_loss
from hnet_seq.transformers import HNetConfig, HNetTokenizer
from hnet_seq.transformers.models import HNetForCausalLM
from pipelines.formats.genome import Genome

from ..conftest import make_model

pytest.importorskip("accelerate")

GENOME = Path(__file__).parents[2] / "examples/data/ecoli_536/genome.fna.gz"


def stretches(count: int, length: int) -> list[str]:
    """Real bases, each from another place."""
    genome = Genome(GENOME)
    name, whole = next(iter(genome.lengths.items()))
    starts = range(0, whole - length, (whole - length) // count)
    return ["".join("ACGTN"[t] for t in genome.fetch(name, s, s + length)) for s in starts][:count]


def arguments(folder: Path, **options: Any) -> TrainingArguments:
    given = {
        "per_device_train_batch_size": 8,
        "learning_rate": 3e-3,
        "max_steps": 12,
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "logging_steps": 1,
        "seed": 1,
        **options,
    }
    return TrainingArguments(str(folder), **given)


def losses(trainer: Trainer) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_a_language_model_learns_real_bases(tmp_path: Path) -> None:
    config = HNetConfig.of(make_model("one stage").config, {"modality": "dna"})
    config.ratio_targets = [3.0]
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    tokenizer = HNetTokenizer("dna")
    data = [
        {**tokenizer(letters), "labels": tokenizer(letters)["input_ids"]}
        for letters in stretches(32, 96)
    ]
    trainer = Trainer(
        model,
        arguments(tmp_path, gradient_accumulation_steps=2, save_steps=12),
        train_dataset=data,
        eval_dataset=data[:8],
        processing_class=tokenizer,
    )
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    after = trainer.evaluate()["eval_loss"]
    assert after < before - 0.2
    saved = load_pretrained(tmp_path / "checkpoint-12", "cpu")
    ids = torch.tensor(data[0]["input_ids"])
    with torch.no_grad():
        ours = torch.nn.functional.cross_entropy(saved(ids).logits[:-1], ids[1:])
        theirs = model.eval()(input_ids=ids[None], labels=ids[None]).loss
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_classifier_learns_real_bases(tmp_path: Path) -> None:
    own = make_model("one stage")
    own.metadata = {"modality": "dna"}
    own.save_pretrained(tmp_path / "own")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "own", num_labels=2)
    model.config.ratio_targets = [3.0]
    tokenizer = HNetTokenizer("dna")
    data = []
    for place, letters in enumerate(stretches(32, 64)):
        label = place % 2  # of the strand: whether A or T comes more often
        kept = letters.replace("A", "T") if label else letters.replace("T", "A")
        data.append({**tokenizer(kept[: 64 - place]), "label": label})
    trainer = Trainer(
        model,
        arguments(tmp_path / "run", save_strategy="no", max_steps=15),
        train_dataset=data,
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    trainer.train()
    found = losses(trainer)
    assert sum(found[-3:]) < 0.7 * sum(found[:3])
    predicted = trainer.predict(data)
    assert predicted.predictions.shape == (32, 2)


def _model(**options: Any) -> HNetForCausalLM:
    torch.manual_seed(0)
    config = HNetConfig.of(make_model("one stage").config, {"modality": "dna"}, **options)
    model: HNetForCausalLM = AutoModelForCausalLM.from_config(config).train()
    return model


def test_the_loss_of_training_holds_the_chunks() -> None:
    ids = torch.arange(64).remainder(4)[None]
    model = _model(ratio_targets=[3.0], ratio_weights=[0.5])
    out = model(input_ids=ids, labels=ids)
    (stage,) = model.encode(ids[0], _packing(64)).boundaries
    held = 0.5 * ratio_loss(stage.boundary_prob, stage.boundary_mask, 3.0)
    torch.testing.assert_close(out.ratio_loss, held.detach())
    plain = model.eval()(input_ids=ids, labels=ids)
    assert plain.ratio_loss is None
    torch.testing.assert_close(out.loss, plain.loss + held)
    out.loss.backward()
    router = model.backbone.routing_module.q_proj_layer.weight.grad
    assert router is not None
    assert router.abs().max() > 0


def test_parts_of_a_step_add_up_to_it() -> None:
    """As ``Trainer`` accumulates gradients: each part knows the targets of all."""
    model = _model(ratio_targets=[3.0])
    ids = torch.randint(0, 4, (4, 40), generator=torch.Generator().manual_seed(0))
    total = 4 * 39
    parts = [
        model(input_ids=ids[i : i + 1], labels=ids[i : i + 1], num_items_in_batch=total)
        for i in range(4)
    ]
    alone = [model(input_ids=ids[i : i + 1], labels=ids[i : i + 1]).loss for i in range(4)]
    torch.testing.assert_close(sum(p.loss for p in parts), torch.stack(alone).mean())


def _loss_of_first_step_and_evaluation(
    model: Any, batch: dict[str, torch.Tensor], folder: Path, parts: int = 1
) -> tuple[float, float, Any]:
    """What ``Trainer`` reports of one batch, and the model's own words of it before."""
    model.eval()
    with torch.no_grad():
        own = model(**batch)
    rows = [
        {key: value[row] for key, value in batch.items()} for row in range(len(batch["labels"]))
    ]
    trainer = Trainer(
        model,
        arguments(
            folder,
            save_strategy="no",
            max_steps=1,
            per_device_train_batch_size=len(rows) // parts,
            gradient_accumulation_steps=parts,
        ),
        train_dataset=rows,
        eval_dataset=rows,
        data_collator=lambda part: {key: torch.stack([r[key] for r in part]) for key in part[0]},
    )
    evaluated = trainer.evaluate()["eval_loss"]
    with pytest.warns(UserWarning, match="ratio_targets"):
        trainer.train()
    return losses(trainer)[0], evaluated, own


@pytest.mark.parametrize("parts", [1, 2])
def test_trainer_has_the_loss_of_rows_that_are_half_unknown(tmp_path: Path, parts: int) -> None:
    ids = torch.randint(0, 4, (4, 40), generator=torch.Generator().manual_seed(0))
    ids[:, 20:] = 4
    ids[:, -1] = 6
    first, evaluated, own = _loss_of_first_step_and_evaluation(
        _model(), {"input_ids": ids, "labels": ids}, tmp_path, parts
    )
    assert first == pytest.approx(float(own.loss), rel=1e-4)
    assert evaluated == pytest.approx(float(own.loss), rel=1e-4)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
def test_trainer_has_the_loss_of_several_labels_and_numbers(
    tmp_path: Path, problem: str, parts: int
) -> None:
    torch.manual_seed(0)
    config = HNetConfig.of(
        make_model("one stage").config, {"modality": "dna"}, num_labels=3, problem_type=problem
    )
    model = AutoModelForSequenceClassification.from_config(config)
    ids = torch.randint(0, 4, (4, 40), generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1.0, 0, 1], [0, 0, 1], [1, 1, 1], [0, 1, 0]])
    first, evaluated, own = _loss_of_first_step_and_evaluation(
        model, {"input_ids": ids, "labels": labels}, tmp_path, parts
    )
    assert first == pytest.approx(float(own.loss), rel=1e-4)
    assert evaluated == pytest.approx(float(own.loss), rel=1e-4)


def test_what_dna_never_predicts_is_no_target() -> None:
    model = _model(ratio_targets=[3.0]).eval()
    ids = torch.tensor([[5, 0, 1, 4, 2, 3, 6]])
    logits = model(input_ids=ids).logits[0]
    expected = torch.nn.functional.cross_entropy(logits[[0, 1, 3, 4]], torch.tensor([0, 1, 2, 3]))
    torch.testing.assert_close(model(input_ids=ids, labels=ids).loss, expected)


def test_chunks_that_nothing_holds_are_told() -> None:
    ids = torch.arange(16).remainder(4)[None]
    with pytest.warns(UserWarning, match="ratio_targets has no tokens per chunk"):
        _model()(input_ids=ids, labels=ids)
    with pytest.raises(ValueError, match="ratio_targets: expected 1"):
        _model(ratio_targets=[3.0, 4.0])(input_ids=ids, labels=ids)


def _packing(tokens: int) -> Any:
    from hnet_seq.ops.packing import Packing

    return Packing(torch.tensor([0, tokens], dtype=torch.int32), tokens)
