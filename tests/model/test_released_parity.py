"""Models of LDARNet and of the released H-Nets give here what their authors' own code gives.

The activations are of that code, run on a CPU: ``tests/model/released_parity/README.md``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from hnet_seq import HNetForCausalLM, HNetForMaskedLM, load_pretrained
from hnet_seq.model.released import released_file, released_names
from tests.model.drawn_weights import drawn

FOLDER = Path(__file__).parent / "released_parity"
CLOSE: dict[str, Any] = {"atol": 1e-4, "rtol": 0}
LDARNETS = ["ldarnet_110m", "ldarnet_2m"]
COLUMNS = 8  # of logits, of which the first is kept
MASK = (5, 7)  # of LDARNet, and of this package


@dataclass(frozen=True)
class Reference:
    """What the authors' code was given, and what it gave."""

    about: dict[str, Any]
    tensors: dict[str, Tensor]

    @classmethod
    def read(cls, name: str) -> Reference:
        with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return cls(json.loads(file.metadata()["about"]), tensors)

    def state(self) -> dict[str, Tensor]:
        """The weights by their names; the second scan shares the projections of the first."""
        seed, names = self.about["seed"], self.about["shapes"]
        shared = {
            name: name.replace(".bwd.", ".fwd.")
            for name in names
            if name.endswith((".bwd.in_proj.weight", ".bwd.out_proj.weight"))
        }
        own = {n: drawn(n, shape, seed) for n, shape in names.items() if n not in shared}
        return {name: own[shared.get(name, name)] for name in names}

    @property
    def ids(self) -> Tensor:
        ids = self.tensors["input_ids"].long()
        return ids.where(ids != MASK[0], MASK[1]) if "hidden" in self.tensors else ids

    @property
    def cu_seqlens(self) -> Tensor:
        return torch.tensor([0, *self.about["lengths"]]).cumsum(0)

    def padded(self) -> tuple[Tensor, Tensor]:
        """(B, L) ids and where they are."""
        rows = self.ids.split(self.about["lengths"])
        ids = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
        return ids, torch.arange(ids.shape[1]) < torch.tensor(self.about["lengths"])[:, None]


def ldarnet_pt(reference: Reference, path: Path, **more: Any) -> Path:
    """A checkpoint as LDARNet's ``save_ckpt`` writes it, optimizer and command line with it."""
    state = reference.state()
    optimizer = {
        "state": {0: {"step": torch.tensor(3.0)}},
        "param_groups": [{"betas": (0.9, 0.95)}],
    }
    about = {"config": reference.about["config"], "step": 15, "args": {"lr": 5e-4, "out": None}}
    torch.save({"model": state, "opt": optimizer, **about, **more}, path)
    return path


@pytest.mark.parametrize("name", released_names())
def test_a_released_text_model_gives_the_logits_of_its_authors_code(
    name: str, tmp_path: Path
) -> None:
    reference = Reference.read(name)
    config, published = reference.about["config"], released_file(name)
    assert published is not None
    whole = json.loads(published.read_text())
    assert all(config[key] == whole[key] for key in ("arch_layout", "vocab_size"))
    assert config["d_model"] == [d // 16 for d in whole["d_model"]]
    file = tmp_path / f"{name}.pt"
    torch.save(reference.state(), file)
    file.with_suffix(".json").write_text(json.dumps(config))
    model = HNetForCausalLM.from_pretrained(file, "cpu")
    expected = reference.tensors
    with torch.no_grad():
        out = model(reference.ids, reference.cu_seqlens)
        torch.testing.assert_close(out.logits[:, ::COLUMNS], expected["logits"], **CLOSE)
        assert len(out.boundaries) == len(whole["d_model"]) - 1
        for stage, own in enumerate(out.boundaries):
            assert torch.equal(own.boundary_mask, expected[f"boundary_mask.{stage}"])
            prob = expected[f"boundary_prob.{stage}"]
            torch.testing.assert_close(own.boundary_prob, prob, atol=1e-5, rtol=0)
        ids, mask = reference.padded()
        logits = model(ids, mask=mask).logits[mask]
        torch.testing.assert_close(logits[:, ::COLUMNS], expected["logits"], **CLOSE)
        # As it is generated: a prompt, and then token by token.
        last, steps = reference.ids[-reference.about["lengths"][-1] :], reference.about["steps"]
        read, state = model.prefill(last[:-steps])
        stepped = [read.logits, *(model.step(t[None], state).logits for t in last[-steps:])]
    torch.testing.assert_close(torch.cat(stepped)[:, ::COLUMNS], expected["stepped"], **CLOSE)


@pytest.mark.parametrize("name", LDARNETS)
def test_ldarnet_gives_the_hidden_states_of_its_authors_code(name: str, tmp_path: Path) -> None:
    reference = Reference.read(name)
    file = ldarnet_pt(reference, tmp_path / "model_ckpt.pt")
    model = HNetForMaskedLM.from_pretrained(file, "cpu")
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    _compare(model, reference)
    model.save_pretrained(tmp_path / "folder")
    again = load_pretrained(tmp_path / "folder", "cpu")
    assert isinstance(again, HNetForMaskedLM)
    assert again.metadata == model.metadata
    _compare(again, reference)


@pytest.mark.parametrize("name", LDARNETS)
def test_without_the_trace_of_padding_ldarnet_gives_the_same_in_a_padded_batch(
    name: str, tmp_path: Path
) -> None:
    # Its scan from the right reads padding first, which the bias of its convolution makes visible.
    reference = Reference.read(name)
    state = reference.state()
    zero = {n: torch.zeros_like(v) for n, v in state.items() if n.endswith("conv1d.bias")}
    assert zero
    file = ldarnet_pt(reference, tmp_path / "model_ckpt.pt", model=state | zero)
    _compare(HNetForMaskedLM.from_pretrained(file, "cpu"), reference, "_without_bias")


@torch.no_grad()
def _compare(model: HNetForMaskedLM, reference: Reference, of: str = "") -> None:
    expected = {key: reference.tensors[key + of] for key in ("hidden", "boundary_prob")}
    mask = reference.tensors[f"boundary_mask{of}"]
    ids, tokens = reference.padded()
    packed, padded = model(reference.ids, reference.cu_seqlens), model(ids, mask=tokens)
    for out in (packed, padded):
        torch.testing.assert_close(out.hidden[:, ::2], expected["hidden"], **CLOSE)
        (own,) = out.boundaries
        assert torch.equal(own.boundary_mask, mask)
        torch.testing.assert_close(own.boundary_prob, expected["boundary_prob"], atol=1e-5, rtol=0)
    if of:
        return
    logits = reference.tensors["logits"]  # of A, C, G, T, N, the mask and padding
    ours = packed.logits[:, [0, 1, 2, 3, 4, MASK[1], 5]]
    torch.testing.assert_close(ours, logits, **CLOSE)
    torch.testing.assert_close(packed.logits[:, 5], packed.logits[:, 6])
    torch.testing.assert_close(padded.logits[tokens], packed.logits, **CLOSE)
