"""The six released configurations, counted without the code that builds them.

Counts follow the definition alone: layers as the paper defines them, names and shapes as the
released checkpoints have them. Two sources outside this project stand beside the result:

- Hwang, Wang and Gu 2025 (arXiv 2507.07955v2), table 1: 680M, 870M, 1.3B and 1.6B parameters.
- The sizes in bytes of three published files, as the hub's interface states them for revisions
  68f11d72, c56e23e0 and 01db28db: four bytes for each parameter, and the archive around them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.model.pretrained import read_checkpoint
from hnet_seq.model.released import released_file, released_names

COUNTS = {
    "hnet_1stage_L": 679_405_312,
    "hnet_1stage_XL": 1_270_833_920,
    "hnet_2stage_L": 874_315_264,
    "hnet_2stage_XL": 1_603_492_224,
    "hnet_2stage_XL_chinese": 1_755_285_888,
    "hnet_2stage_XL_code": 1_654_090_112,
}
PAPER = {
    "hnet_1stage_L": "680M",
    "hnet_2stage_L": "870M",
    "hnet_1stage_XL": "1.3B",
    "hnet_2stage_XL": "1.6B",
}
FILE_BYTES = {
    "hnet_1stage_XL": 5_083_413_223,
    "hnet_2stage_XL": 6_414_086_360,
    "hnet_2stage_XL_chinese": 7_021_270_658,
}


def mamba2(width: int, ssm: dict[str, int]) -> list[int]:
    """Sizes of in_proj, conv weight and bias, dt_bias, A_log, D, norm, out_proj."""
    inner, state = ssm["expand"] * width, ssm["d_state"]
    heads, channels = inner // 64, inner + 2 * state
    projected = 2 * inner + 2 * state + heads
    return [
        width * projected,
        *(channels * ssm["d_conv"], channels),
        *(heads, heads, heads),
        *(inner, inner * width),
    ]


def attention(width: int) -> list[int]:
    return [3 * width * width, width * width]


def swiglu(width: int, hidden: int) -> list[int]:
    padded = (hidden + 127) // 128 * 128
    return [2 * padded * width, padded * width]


def stack(text: str, width: int, hidden: int, ssm: dict[str, int]) -> list[int]:
    sizes = []
    for letter, count in re.findall(r"([a-zA-Z])(\d+)", text):
        layer = [width] + (mamba2(width, ssm) if letter in "mM" else attention(width))
        if letter.isupper():
            layer += [width, *swiglu(width, hidden)]
        sizes += layer * int(count)
    return [*sizes, width]


def tensors(config: dict[str, Any]) -> list[int]:
    """The size of every tensor of a checkpoint."""
    widths, hidden, ssm = config["d_model"], config["d_intermediate"], config["ssm_cfg"]
    sizes = [config["vocab_size"] * widths[0]] * (1 if config["tie_embeddings"] else 2)
    layout, stage = config["arch_layout"], 0
    while True:
        width = widths[stage]
        if stage and width > widths[stage - 1]:
            sizes.append(width - widths[stage - 1])
        shape = (width, hidden[stage], ssm)
        if len(layout) == 1:
            return sizes + stack(layout[0], *shape)
        encoder, layout, decoder = layout
        sizes += stack(encoder, *shape) + stack(decoder, *shape)
        sizes += [width * width] * 2  # router
        sizes += [width * width, width]  # residual
        stage += 1


def _json(name: str) -> dict[str, Any]:
    file = released_file(name)
    assert file is not None
    return json.loads(file.read_text())


def test_the_six_names() -> None:
    assert released_names() == sorted(COUNTS)
    assert released_file("hnet_3stage_XL") is None
    assert released_file("../model/hnet_dna_small") is None


@pytest.mark.parametrize("name", COUNTS)
def test_a_released_shape_has_the_parameters_of_the_definition(name: str) -> None:
    config = _json(name)
    with torch.device("meta"):
        model = HNetForCausalLM(HNetConfig.from_dict(config))
    sizes = [parameter.numel() for parameter in model.parameters()]
    assert sorted(sizes) == sorted(tensors(config))
    assert sum(sizes) == COUNTS[name]


@pytest.mark.parametrize("name", PAPER)
def test_the_count_rounds_to_what_the_paper_says(name: str) -> None:
    unit, digits = (1e6, -1) if PAPER[name].endswith("M") else (1e9, 1)
    assert round(COUNTS[name] / unit, digits) == float(PAPER[name][:-1])


@pytest.mark.parametrize("name", FILE_BYTES)
def test_the_published_file_holds_that_many_values_in_fp32(name: str) -> None:
    around = FILE_BYTES[name] - 4 * COUNTS[name]
    # An archive entry, its alignment and its name cost a tensor some hundred bytes.
    assert 200 < around / len(tensors(_json(name))) < 800


@pytest.mark.parametrize("name", COUNTS)
def test_a_released_file_is_what_saving_its_configuration_writes(name: str) -> None:
    config = _json(name)
    assert HNetConfig.from_dict(config).to_dict() == config


def test_a_downloaded_file_needs_no_json(tmp_path: Path) -> None:
    torch.save({"embeddings.weight": torch.zeros(256, 1024)}, tmp_path / "hnet_2stage_XL.pt")
    with pytest.raises(ValueError, match=r"hnet_2stage_XL\.json: lacks backbone") as raised:
        HNetForCausalLM.from_pretrained(tmp_path / "hnet_2stage_XL.pt")
    assert "\n" not in str(raised.value)


def test_a_released_file_is_known_by_name_and_shape(tmp_path: Path) -> None:
    file = tmp_path / "hnet_2stage_XL_code.pt"
    torch.save({"embeddings.weight": torch.zeros(2, 2)}, file)
    about = read_checkpoint(file).metadata
    assert about["modality"] == "text"
    assert about["released"] == "hnet_2stage_XL_code"
    assert "Pile Github" in about["data"]
    # The same name on another shape is somebody's own model, of which nothing is known.
    assert read_checkpoint(file, config="hnet_2stage_L").metadata == {}
