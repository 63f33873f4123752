"""What the authors' own code gives on a CPU: the activations of tests/model/released_parity.

Fetches the public repositories at the commits below into a temporary folder, gives the models of
LDARNet and H-Net the weights of ``tests/model/drawn_weights.py``, replaces CUDA kernels by the
references that their repositories publish (studies/released_parity_kernels.py), and writes what
comes out. einops and optree, which their code imports, come from a folder of their own:

    pip install --no-deps --target SITE einops==0.8.1 optree==0.20.0
    PYTHONPATH=. python studies/released_parity.py --site SITE --into tests/model/released_parity
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from released_parity_kernels import install, without_asserts
from safetensors.torch import save_file
from torch import Tensor, nn

from hnet_seq.model.released import released_file, released_names
from tests.model.drawn_weights import drawn, drawn_tokens

#: Repository, commit, and what of it is needed.
SOURCES = {
    "darlednik/ICML-LDARNet": ("f247d595e76695e7a55311f965a90df4ca4276b0", ["ldar"]),
    "goombalab/hnet": ("3673fe1217ebeb0d1438c7c71d58d32bdd190ec2", ["hnet"]),
    # As LDARNet's Dockerfile has them: mamba-ssm 2.2.5, causal-conv1d 1.5.2, flash-attn 2.8.0.post2
    "state-spaces/mamba": ("e0761ece1db07e0949dd88b4f4cd440420a19fd9", ["mamba_ssm"]),
    "Dao-AILab/causal-conv1d": ("69e6dadc28b169a4c49cb86b586f64ee90242c70", ["causal_conv1d"]),
    "Dao-AILab/flash-attention": (
        "de79b1361e0e6ade09b9b5ca3949cc088eee9965",
        ["flash_attn/ops", "flash_attn/layers", "tests/test_flash_attn.py"],
    ),
}
LENGTHS = [61, 1, 2, 3, 4, 17, 32, 40]
STEPS = 12  # tokens of the last sequence that are read one by one
EVERY = 8  # of the columns of logits that are kept: 32 of 256

# LDARNet-110M at an eighth of its width, with fewer heads and a short window; depth, mixers, growth
# of the width, width of a head and of its rotary part, and shape of the MLP are its own.
LDAR_110M = {
    "arch_layout": ["m3t1", ["M10"], "m4"],
    "d_model": [64, 96],
    "d_intermediate": [0, 320],
    "ssm_cfg": {"chunk_size": 256, "d_conv": 4, "d_state": 32, "expand": 2},
    "attn_cfg": {"num_heads": [2, 2], "rotary_emb_dim": [32, 48], "window_size": [7, -1]},
}
# The authors' own small one, as their pretrain.py has it but for the window.
LDAR_2M = {
    "arch_layout": ["m3t1", ["M6"], "m3"],
    "d_model": [64, 128],
    "d_intermediate": [0, 384],
    "ssm_cfg": {"chunk_size": 256, "d_conv": 4, "d_state": 128, "expand": 2},
    "attn_cfg": {"num_heads": [2, 4], "rotary_emb_dim": [32, 32], "window_size": [15, -1]},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", required=True, metavar="FOLDER", help="with einops and optree")
    parser.add_argument("--into", required=True, metavar="FOLDER", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), args.site)
        with torch.inference_mode():
            for name, config in (("110m", LDAR_110M), ("2m", LDAR_2M)):
                ldarnet(config, 1, args.into / f"ldarnet_{name}.safetensors")
            for name in released_names():
                hnet(reduced(name), 1, args.into / f"{name}.safetensors")


def prepare(folder: Path, site: str) -> dict[str, Path]:
    """Fetch the repositories and make their packages importable; the working tree of each.

    Args:
        site: folder with einops and optree.
    """
    sys.path.append(site)
    trees = {name: fetched(name, folder) for name in SOURCES}
    theirs, kernels = list(trees.values())[:2], list(trees.values())[2:]
    install(*kernels)
    sys.path += map(str, theirs)
    return trees


def fetched(name: str, folder: Path) -> Path:
    """The files of a repository at its commit."""
    commit, paths = SOURCES[name]
    tree = folder / name
    tree.mkdir(parents=True)

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=tree, check=True)

    git("init", "--quiet")
    git("remote", "add", "origin", f"https://github.com/{name}")
    git("fetch", "--quiet", "--depth", "1", "--filter=blob:none", "origin", commit)
    git("checkout", "--quiet", commit, "--", *paths)
    return tree


def reduced(name: str) -> dict[str, Any]:
    """A released configuration at a sixteenth of its width, with two heads instead of sixteen."""
    file = released_file(name)
    assert file is not None
    config: dict[str, Any] = json.loads(file.read_text())
    config["d_model"] = [d // 16 for d in config["d_model"]]
    config["d_intermediate"] = [d // 16 for d in config["d_intermediate"]]
    config["ssm_cfg"] |= {"d_state": 16}
    attention, stages = config["attn_cfg"], len(config["d_model"])
    attention["num_heads"] = [2] * stages
    # Half of a head in the released models; flash-attn's decoding wants multiples of 16.
    attention["rotary_emb_dim"] = [d // 64 * 16 for d in config["d_model"]]
    attention["window_size"] = [7 if w > 0 else w for w in attention["window_size"]]
    return config


def ldarnet(values: dict[str, Any], seed: int, file: Path) -> None:
    """Hidden states and boundaries of each sequence alone, and of all in one padded batch."""
    from ldar.models import AttnConfig, LDarConfig, LDarForMaskedLM, SSMConfig
    from ldar.modules import mha

    mha.__dict__["_flash_compute_dtype"] = lambda _: torch.float32
    parts = {
        "ssm_cfg": SSMConfig(**values["ssm_cfg"]),
        "attn_cfg": AttnConfig(**values["attn_cfg"]),
    }
    config = LDarConfig(**(values | parts))
    model = LDarForMaskedLM(config).eval()
    shapes = fill(model, seed)
    # N and the mask among the letters.
    sequences = drawn_tokens(LENGTHS, 6, seed)
    out: dict[str, Tensor] = {}
    alone = [_ldarnet_rows(model, [own])[0] for own in sequences]
    out |= {key: torch.cat([own[key] for own in alone]) for key in alone[0]}
    padded = torch.cat([own["hidden"] for own in _ldarnet_rows(model, sequences)])
    pair = _ldarnet_rows(model, [sequences[-1], sequences[-1].flip(0)])[0]
    moved = [_furthest(padded, out["hidden"]), _furthest(pair["hidden"], alone[-1]["hidden"])]
    print(file.stem, "hidden states move with padding, with another one as long:", moved)
    # Without the bias of the convolutions, padding leaves no trace in the scans.
    for name, parameter in model.named_parameters():
        if name.endswith("conv1d.bias"):
            parameter.zero_()
    unbiased = _ldarnet_rows(model, sequences)
    out |= {
        f"{key}_without_bias": torch.cat([own[key] for own in unbiased])
        for key in ("hidden", "boundary_prob", "boundary_mask")
    }
    lone = torch.cat([_ldarnet_rows(model, [own])[0]["hidden"] for own in sequences])
    print(file.stem, "and without bias:", _furthest(lone, out["hidden_without_bias"]))
    out |= {key: out[key][:, ::2] for key in out if key.startswith("hidden")}
    write(file, out, sequences, shapes, dataclasses.asdict(config), seed)


def _ldarnet_rows(model: Any, sequences: list[Tensor]) -> list[dict[str, Tensor]]:
    lengths = torch.tensor([len(own) for own in sequences])
    ids = nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=6)
    mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
    got = model(ids, attention_mask=mask)
    (router,) = got.bpred_output
    rows = {
        "hidden": got.last_hidden_state,
        "logits": got.logits,
        "boundary_prob": router.boundary_prob[..., 1],
        "boundary_mask": router.boundary_mask,
    }
    return [{key: x[i, :n] for key, x in rows.items()} for i, n in enumerate(lengths.tolist())]


def hnet(values: dict[str, Any], seed: int, file: Path) -> None:
    """Logits and boundaries of each sequence, and the last one's as it is generated."""
    from hnet.models import AttnConfig, HNetConfig, HNetForCausalLM, SSMConfig
    from hnet.modules import mha

    without_asserts(mha, "FlashCausalSelfAttention", "FlashCausalCrossAttention")
    parts = {
        "ssm_cfg": SSMConfig(**values["ssm_cfg"]),
        "attn_cfg": AttnConfig(**values["attn_cfg"]),
    }
    model = HNetForCausalLM(HNetConfig(**(values | parts))).eval()
    for module in model.modules():
        if type(module).__name__ == "DeChunkLayer":
            module.dtype = torch.float32  # bf16 as published
    shapes = fill(model, seed)
    sequences = drawn_tokens(LENGTHS, values["vocab_size"], seed)
    alone = [_hnet_rows(model, [own])[0] for own in sequences]
    out = {key: torch.cat([own[key] for own in alone]) for key in alone[0]}
    padded = _hnet_rows(model, sequences)
    packed = model(torch.stack([sequences[-1], sequences[-1].flip(0)])).logits[0]
    print(
        file.stem,
        "alone, padded, packed, step by step differ by",
        _furthest(torch.cat([own["logits"] for own in padded]), out["logits"]),
        _furthest(packed, alone[-1]["logits"]),
        _furthest(stepped := _hnet_steps(model, sequences[-1]), alone[-1]["logits"][-STEPS - 1 :]),
    )
    out["stepped"] = stepped
    out |= {key: out[key][:, ::EVERY] for key in ("logits", "stepped")}
    write(file, out, sequences, shapes, values, seed)


def _hnet_rows(model: Any, sequences: list[Tensor]) -> list[dict[str, Tensor]]:
    lengths = torch.tensor([len(own) for own in sequences])
    ids = nn.utils.rnn.pad_sequence(sequences, batch_first=True)
    mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
    got = model(ids, mask=mask)
    rows = []
    for i, n in enumerate(lengths.tolist()):
        row, count = {"logits": got.logits[i, :n]}, n
        for stage, router in enumerate(got.bpred_output):
            row[f"boundary_prob.{stage}"] = router.boundary_prob[i, :count, 1]
            own = row[f"boundary_mask.{stage}"] = router.boundary_mask[i, :count]
            count = int(own.sum())
        rows.append(row)
    return rows


def _hnet_steps(model: Any, sequence: Tensor) -> Tensor:
    """Logits (STEPS + 1, V) after the prompt and after each token that follows."""
    prompt = sequence[None, :-STEPS]
    cache = model.allocate_inference_cache(1, len(sequence), dtype=torch.float32)
    read = model(prompt, mask=torch.ones_like(prompt).bool(), inference_params=cache)
    steps = [model.step(token.view(1, 1), cache).logits[0] for token in sequence[-STEPS:]]
    return torch.cat([read.logits[0, -1:], *steps])


def fill(model: nn.Module, seed: int) -> dict[str, list[int]]:
    """Give the model its weights; the shapes of its state dict, second names of a tensor too."""
    for name, parameter in model.named_parameters():
        parameter.copy_(drawn(name, parameter.shape, seed))
    return {name: list(value.shape) for name, value in model.state_dict().items()}


def write(
    file: Path, out: dict[str, Tensor], sequences: list[Tensor], shapes: Any, config: Any, seed: int
) -> None:
    for key, prob in out.items():
        if key.startswith("boundary_prob"):
            distance = (prob - 0.5).abs().min().item()
            share = (prob > 0.5).float().mean().item()
            print(file.stem, key, f"nearest to 0.5: {distance:.1e}, boundaries: {share:.2f}")
            assert distance > 2e-6, "choose another seed"
    out["input_ids"] = torch.cat(sequences).to(torch.uint8)
    metadata = {
        "config": config,
        "shapes": shapes,
        "lengths": LENGTHS,
        "seed": seed,
        "steps": STEPS,
    }
    commits = {name: commit for name, (commit, _) in SOURCES.items()}
    text = json.dumps(metadata | {"torch": torch.__version__, "commits": commits})
    save_file({k: v.contiguous() for k, v in out.items()}, file, metadata={"about": text})
    print(file, file.stat().st_size, "bytes")


def _furthest(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


if __name__ == "__main__":
    main()
