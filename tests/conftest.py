"""What the tests share."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

# Two processes of two threads each on two cores wait for each other; what they start has no more.
# NumPy's and SciPy's BLAS see it when they are first imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import hnet_seq  # before torch: it sets how torch's threads wait
from tests.unsynced import wait_for_no_disk

if TYPE_CHECKING:
    import torch

wait_for_no_disk()

# Its compiler would start processes of its own, each with another torch.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

# What a user's shell may hold, and tests of local servers, of one process or of words would see.
for _name in ("http_proxy", "https_proxy", "all_proxy", "RANK", "LOCAL_RANK", "WORLD_SIZE"):
    os.environ.pop(_name, None)
    os.environ.pop(_name.upper(), None)
for _name in ("FORCE_COLOR", "HNET_SEQ_CACHE", "HF_HUB_OFFLINE"):
    os.environ.pop(_name, None)
os.environ |= {"COLUMNS": "100", "NO_COLOR": "1"}

# The same examples each time, however busy the machine is.
settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """PyTorch, before its warnings are errors; whoever only deals the tests out does without."""
    if config.getoption("dist", "no") == "no":
        import torch

        torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)


def pytest_collection_finish() -> None:
    """What is imported stays: no test looks through it for garbage."""
    gc.freeze()


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """Every device of this machine."""
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return request.param


LAYOUTS: dict[str, dict[str, Any]] = {
    "isotropic": {"arch_layout": ["m1T1"], "d_model": [64], "d_intermediate": [128]},
    "one stage": {
        "arch_layout": ["m1t1", ["T1m1"], "m2"],
        "d_model": [64, 128],
        "d_intermediate": [0, 128],
    },
    "two stages, MLPs outside, tied": {
        "arch_layout": ["M1", ["T1m1", ["M1"], "m1"], "t1"],
        "d_model": [64, 64, 128],
        "d_intermediate": [128, 128, 128],
        "tie_embeddings": True,
    },
}

#: Where the claim is not about layers: as few as have a state of each kind to go on from.
FEW_LAYERS: dict[str, Any] = {
    "arch_layout": ["t1", ["m1"], "m1"],
    "d_model": [64, 128],
    "d_intermediate": [0, 0],
}


def make_model(layout: str, seed: int = 0) -> hnet_seq.HNetForCausalLM:
    """A small model whose router is not the identity, so that chunks vary."""
    import torch

    shape = FEW_LAYERS if layout == "few layers" else LAYOUTS[layout]
    stages = len(shape["d_model"])
    config = hnet_seq.HNetConfig.from_dict(
        {
            **shape,
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
            "attn_cfg": {
                "num_heads": [4] * stages,
                "rotary_emb_dim": [8] * stages,
                "window_size": [7, *[-1] * (stages - 1)],
            },
        }
    )
    model = hnet_seq.HNetForCausalLM(config, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "routing_module" in name or "residual_proj" in name or "pad_dimension" in name:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.fixture(params=list(LAYOUTS))
def model(request: pytest.FixtureRequest) -> hnet_seq.HNetForCausalLM:
    """A small model of each kind."""
    return make_model(request.param)


@pytest.fixture
def tokens() -> Callable[[int], torch.Tensor]:
    """Random bases, the same for the same length."""
    import torch

    return lambda n: torch.randint(0, 4, (n,), generator=torch.Generator().manual_seed(n))
