"""What ``info`` says about checkpoints and shapes, to people and to machines."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.model.flops import flops_per_token
from hnet_seq.model.released import released_names
from hnet_seq.ops.native import why_not
from hnet_seq.tasks.info import describe
from hnet_seq.train.optimizer import parameter_groups
from tests.conftest import make_model

Capture = pytest.CaptureFixture[str]


def _json(capsys: Capture, *arguments: str) -> dict[str, Any]:
    assert main(["info", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_checkpoint_tells_its_training_data_and_dtype(tmp_path: Path, capsys: Capture) -> None:
    model = make_model("one stage")
    model.metadata |= {"modality": "dna", "vocabulary": "abc123", "data": "fingerprint456"}
    model.save_pretrained(tmp_path)
    about = _json(capsys, str(tmp_path))
    assert about["training_data"] == "fingerprint456"
    assert about["metadata"]["vocabulary"] == "abc123"
    assert about["dtypes"] == {"float32": sum(p.numel() for p in model.parameters())}
    assert main(["info", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "training data: fingerprint456" in said
    assert "dtype: float32" in said
    assert 'layout: ["m1t1", ["T1m1"], "m2"]' in said


def test_parameters_are_counted_by_stage_as_the_optimiser_groups_them(
    model: HNetForCausalLM, tmp_path: Path
) -> None:
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    expected: dict[str, int] = {}
    for (stage, _), names in parameter_groups(model).items():
        expected[str(stage)] = expected.get(str(stage), 0) + sum(sizes[n] for n in names)
    model.save_pretrained(tmp_path)
    about = describe(tmp_path)
    assert about["parameters_per_stage"] == expected
    assert about["parameters"] == sum(expected.values())


def test_work_follows_the_chunk_rate_and_the_context(tmp_path: Path, capsys: Capture) -> None:
    model = make_model("one stage")
    model.save_pretrained(tmp_path)
    for rate, context in ((2.0, 100), (6.5, 5000)):
        about = _json(
            capsys, str(tmp_path), "--tokens-per-chunk", str(rate), "--context", str(context)
        )
        forward = flops_per_token(model.config, context, [rate])
        assert about["flops_per_token"] == {"forward": forward, "training": 3 * forward}


def test_a_mixed_pt_file_tells_its_dtypes(tmp_path: Path, capsys: Capture) -> None:
    model = make_model("one stage").to(torch.bfloat16)
    model.backbone.residual_proj.float()
    torch.save(model.state_dict(), tmp_path / "some.pt")
    (tmp_path / "some.json").write_text(json.dumps(model.config.to_dict()))
    about = _json(capsys, str(tmp_path / "some.pt"))
    kept = 64 * 64 + 64
    assert about["dtypes"] == {"bfloat16": about["parameters"] - kept, "float32": kept}
    assert about["training_data"] is None
    assert main(["info", str(tmp_path / "some.pt")]) == 0
    assert "training data: not recorded" in capsys.readouterr().out


@pytest.mark.parametrize("name", released_names())
def test_a_released_name_is_described_from_its_shape(name: str, capsys: Capture) -> None:
    about = _json(capsys, name)
    assert "weights" not in about
    assert sum(about["parameters_per_stage"].values()) == about["parameters"] > 6e8
    assert len(about["parameters_per_stage"]) == len(about["widths"])


def test_a_json_file_says_the_same_as_its_checkpoint(tmp_path: Path) -> None:
    make_model("two stages, MLPs outside, tied").save_pretrained(tmp_path)
    shape, checkpoint = describe(tmp_path / "config.json"), describe(tmp_path)
    assert shape.keys() < checkpoint.keys()
    assert {key: checkpoint[key] for key in shape} == shape


def test_a_checkpoint_with_a_head_is_counted_apart(tmp_path: Path, capsys: Capture) -> None:
    from hnet_seq.model.pretrained import save_weights

    model = make_model("one stage")
    model.head = torch.nn.Linear(64, 3)
    del model.lm_head
    save_weights(model, tmp_path, {"head.json": {"classes": ["a", "b", "c"]}})
    about = _json(capsys, str(tmp_path))
    assert about["parameters_per_stage"]["head"] == 64 * 3 + 3
    assert about["head"] == {"classes": ["a", "b", "c"]}


def test_a_wrong_number_of_rates_is_misuse(capsys: Capture) -> None:
    assert main(["info", "hnet_2stage_L", "--tokens-per-chunk", "3"]) == 2
    assert "2 stages" in capsys.readouterr().err


def test_weights_that_do_not_fit_are_refused(tmp_path: Path, capsys: Capture) -> None:
    make_model("one stage").save_pretrained(tmp_path)
    config = json.dumps(make_model("isotropic").config.to_dict())
    (tmp_path / "config.json").write_text(config)
    assert main(["info", str(tmp_path)]) == 1
    assert "does not fit" in capsys.readouterr().err


def test_the_environment_for_machines(capsys: Capture) -> None:
    about = _json(capsys)
    assert about["libraries"]["torch"] == torch.__version__
    assert about["released"] == released_names()
    assert about["operations"]["ssd"]["used"] == ("torch" if why_not() else "native")


def test_versions_are_those_that_the_libraries_tell_of_themselves(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = {"biopython": "Bio", "scikit-learn": "sklearn"}
    for name, version in _json(capsys)["libraries"].items():
        assert version == importlib.import_module(modules.get(name, name)).__version__, name
    # The default wheel's metadata leave the build out.
    monkeypatch.setattr(torch, "__version__", "2.13.0+cu130")
    assert _json(capsys)["libraries"]["torch"] == "2.13.0+cu130"


def test_a_gpu_shows_what_bf16_uses_and_why(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "an H100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
    about = _json(capsys)
    assert "products would round fp32" in about["operations"]["ssd"]["why"]
    assert "products would round fp32" not in about["operations_bf16"]["ssd"]["why"]
    assert main(["info"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said.index("operations:") < said.index("operations in bf16:")
